import { mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { status } from "@grpc/grpc-js";
import { GRPCInferenceService } from "@strainflow/proto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createServer, type InferenceServer } from "../server.ts";
import { float32, RawClient } from "../testing/raw-client.ts";
import { scaler, type TinyRepository, tinyRepository } from "../testing/tiny-repository.ts";

const { method } = GRPCInferenceService;
const io = `input [ { name: "x" data_type: TYPE_FP32 dims: [2] } ] output [ { name: "y" data_type: TYPE_FP32 dims: [2] } ]`;
const prefix = `/strainflow-${process.pid}-`;
const linux = process.platform === "linux";

describe.skipIf(!linux)("system shared memory (needs Linux' /dev/shm)", () => {
  let repository: TinyRepository;
  let server: InferenceServer;
  let client: RawClient;
  const file = (name: string): string => `/dev/shm${prefix}${name}`;

  beforeAll(async () => {
    repository = await tinyRepository([scaler("net", 2, io, [2])]);
    server = await createServer({
      repository: repository.path,
      workers: 1,
      metricsPort: false,
      sharedMemoryPrefix: prefix,
    });
    client = new RawClient(server.grpcAddress);
    const bytes = new Uint8Array(8192);
    bytes.set(float32([1, 2, 3, 4]));
    await writeFile(file("a"), bytes);
    await writeFile(`/dev/shm/other-${process.pid}`, bytes);
    await symlink(file("a"), file("link"));
    await mkdir(file("folder"));
    await register("a", `${prefix}a`, 0, 64);
  });
  afterAll(async () => {
    client.close();
    await server.close();
    await repository.remove();
    for (const name of ["a", "link", "folder"]) await rm(file(name), { recursive: true });
    await rm(`/dev/shm/other-${process.pid}`);
  });

  const register = (name: string, key: string, offset: number | bigint, byteSize: number | bigint) =>
    client.unary(method.systemSharedMemoryRegister, {
      name,
      key,
      offset: BigInt(offset),
      byteSize: BigInt(byteSize),
    });
  const http = async (path: string, body?: object): Promise<[number, unknown]> => {
    const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
    const response = await fetch(`${server.httpAddress}/v2/${path}`, init);
    const text = await response.text();
    return [response.status, text === "" ? undefined : JSON.parse(text)];
  };
  const place = (region: string, size: number, offset?: number) => {
    const whole = (value: number) => ({
      parameterChoice: { case: "int64Param" as const, value: BigInt(value) },
    });
    return {
      shared_memory_region: { parameterChoice: { case: "stringParam" as const, value: region } },
      shared_memory_byte_size: whole(size),
      ...(offset === undefined ? {} : { shared_memory_offset: whole(offset) }),
    };
  };
  const infer = (from: ReturnType<typeof place>, to?: ReturnType<typeof place>) =>
    client.infer({
      modelName: "net",
      inputs: [{ name: "x", datatype: "FP32", shape: [2n], parameters: from }],
      outputs: to === undefined ? [] : [{ name: "y", parameters: to }],
    });
  const inMemory = async (offset: number): Promise<number[]> => [
    ...new Float32Array(new Uint8Array(await readFile(file("a"))).buffer, offset, 2),
  ];

  it.each<[string, string, number | bigint, number | bigint, status, string]>([
    [
      "a name that is taken",
      "a",
      0,
      64,
      status.ALREADY_EXISTS,
      "shared memory region 'a' already in manager",
    ],
    [
      "more than there is",
      "b",
      0,
      8193,
      status.INVALID_ARGUMENT,
      "failed to register shared memory region 'b': invalid args",
    ],
    [
      "beyond its end",
      "b",
      8192,
      1,
      status.INVALID_ARGUMENT,
      "failed to register shared memory region 'b': invalid args",
    ],
    [
      "nothing",
      "b",
      0,
      0,
      status.INVALID_ARGUMENT,
      "failed to register shared memory region 'b': unable to process address spaceInvalid argument",
    ],
    [
      "half a page",
      "b",
      8,
      16,
      status.INVALID_ARGUMENT,
      "failed to register shared memory region 'b': unable to process address spaceInvalid argument",
    ],
    [
      "sizes that overflow",
      "b",
      2n ** 63n,
      2n ** 63n,
      status.INVALID_ARGUMENT,
      "failed to register shared memory region 'b': unable to process address spaceCannot allocate memory",
    ],
  ])("refuses %s", async (_, name, offset, size, code, details) => {
    await expect(register(name, `${prefix}a`, offset, size)).rejects.toMatchObject({ code, details });
  });

  it.each([
    "nowhere",
    `${prefix}nowhere`,
    `${prefix}link`,
    `${prefix}folder`,
    `${prefix}folder/../a`,
    "/../etc/passwd",
    "..",
    "",
    `/other-${process.pid}`,
  ])("opens nothing but plain shared memory of its own prefix: '%s'", async (key) => {
    await expect(register("b", key, 0, 8)).rejects.toMatchObject({
      code: status.INTERNAL,
      details: `Unable to open shared memory region: '${key}'`,
    });
  });

  it("carries inputs and outputs over gRPC", async () => {
    const { rawOutputContents } = await infer(place("a", 8, 8));
    expect(rawOutputContents).toEqual([Buffer.from(float32([6, 8]))]);
    const answer = await infer(place("a", 8), place("a", 16, 32));
    expect(answer.outputs).toMatchObject([{ name: "y", datatype: "FP32", shape: [2n] }]);
    expect(answer.rawOutputContents.map(({ byteLength }) => byteLength)).toEqual([0]);
    expect(await inMemory(32)).toEqual([2, 4]);
  });

  it.each<[string, ReturnType<typeof place>, ReturnType<typeof place> | undefined, status, string]>([
    ["unknown", place("nope", 8), undefined, status.NOT_FOUND, "Unable to find shared memory region: 'nope'"],
    [
      "too few bytes",
      place("a", 4),
      undefined,
      status.INVALID_ARGUMENT,
      "[request id: <id_unknown>] input byte size mismatch for input 'x' for model 'net'. Expected 8, got 4",
    ],
    [
      "over the end",
      place("a", 8, 60),
      undefined,
      status.INVALID_ARGUMENT,
      "Invalid offset + byte size for shared memory region: 'a'",
    ],
    [
      "before it",
      place("a", 8, -8),
      undefined,
      status.INVALID_ARGUMENT,
      "Invalid offset for shared memory region: 'a'",
    ],
    [
      "far away",
      place("a", 8, 2 ** 52),
      undefined,
      status.INVALID_ARGUMENT,
      "Invalid offset for shared memory region: 'a'",
    ],
    [
      "an output too large",
      place("a", 8),
      place("a", 4),
      status.INTERNAL,
      "shared memory size specified with the request for output 'y' (4 bytes) should be at least 8 bytes to hold the results",
    ],
    [
      "an output over the end",
      place("a", 8),
      place("a", 12, 56),
      status.INVALID_ARGUMENT,
      "Invalid offset + byte size for shared memory region: 'a'",
    ],
    [
      "an output nowhere",
      place("a", 8),
      place("no", 8),
      status.NOT_FOUND,
      "Unable to find shared memory region: 'no'",
    ],
  ])("refuses places: %s", async (_, from, to, code, details) => {
    await expect(infer(from, to)).rejects.toMatchObject({ code, details });
  });

  it("carries them over HTTP, where regions are registered as well", async () => {
    const region = { key: `${prefix}a`, offset: 4096, byte_size: 64 };
    expect(await http("systemsharedmemory/region/z/register", region)).toEqual([200, undefined]);
    expect(await http("systemsharedmemory/region/z/status")).toEqual([200, [{ name: "z", ...region }]]);
    const request = {
      inputs: [
        {
          name: "x",
          datatype: "FP32",
          shape: [2],
          parameters: { shared_memory_region: "a", shared_memory_byte_size: 8, shared_memory_offset: 8 },
        },
      ],
      outputs: [{ name: "y", parameters: { shared_memory_region: "z", shared_memory_byte_size: 8 } }],
    };
    expect(await http("models/net/infer", request)).toEqual([
      200,
      { model_name: "net", model_version: "1", outputs: [{ name: "y", datatype: "FP32", shape: [2] }] },
    ]);
    expect(await inMemory(4096)).toEqual([6, 8]);
    expect(await http("systemsharedmemory/region/z/unregister", {})).toEqual([200, undefined]);
    expect(await http("systemsharedmemory/region/z/status")).toEqual([
      404,
      { error: "Unable to find system shared memory region: 'z'" },
    ]);
    expect(await http("systemsharedmemory/region/y/register", { key: "/x" })).toEqual([
      400,
      { error: "Shared memory register request has no 'byte_size' field" },
    ]);
    expect(await http("systemsharedmemory/register", {})).toEqual([
      400,
      { error: "'region name' is necessary to register system shared memory region" },
    ]);
  });

  it("takes no memory that its owner took back", async () => {
    await writeFile(file("short"), new Uint8Array(64));
    await register("short", `${prefix}short`, 0, 64);
    await writeFile(file("short"), new Uint8Array(4));
    await expect(infer(place("short", 8))).rejects.toMatchObject({ code: status.INTERNAL });
    await expect(infer(place("a", 8), place("short", 8))).rejects.toMatchObject({ code: status.INTERNAL });
    expect((await readFile(file("short"))).byteLength).toBe(4);
    await client.unary(method.systemSharedMemoryUnregister, { name: "short" });
    await rm(file("short"));
  });

  it("lists what is registered, and forgets it all at once", async () => {
    const { regions } = await client.unary(method.systemSharedMemoryStatus, {});
    expect(Object.keys(regions)).toEqual(["a"]);
    await client.unary(method.systemSharedMemoryUnregister, { name: "not there" });
    await client.unary(method.systemSharedMemoryUnregister, {});
    expect((await client.unary(method.systemSharedMemoryStatus, {})).regions).toEqual({});
    await expect(client.unary(method.systemSharedMemoryStatus, { name: "a" })).rejects.toMatchObject({
      code: status.NOT_FOUND,
    });
  });

  it("of CUDA is answered as by a Triton without CUDA", async () => {
    expect((await client.unary(method.cudaSharedMemoryStatus, {})).regions).toEqual({});
    await expect(client.unary(method.cudaSharedMemoryStatus, { name: "x" })).rejects.toMatchObject({
      code: status.NOT_FOUND,
      details: "Unable to find cuda shared memory region: 'x'",
    });
    await expect(
      client.unary(method.cudaSharedMemoryRegister, {
        name: "x",
        rawHandle: Buffer.from("abc"),
        byteSize: 8n,
      }),
    ).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: "failed to register shared memory region: invalid args",
    });
    await client.unary(method.cudaSharedMemoryUnregister, {});
    expect(await http("cudasharedmemory/status")).toEqual([200, []]);
  });
});
