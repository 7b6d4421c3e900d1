import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createServer, type InferenceServer } from "../server.ts";
import { float32, floats, RawClient, sequence } from "../testing/raw-client.ts";
import {
  accumulator,
  CHANNELS,
  ensemble,
  network,
  sharingSums,
  snapshotter,
  type TinyRepository,
  tinyRepository,
  UPDATE,
} from "../testing/tiny-repository.ts";

const NATIVE = 'parameters { key: "strainflow.native" value: { string_value: "snapshotter" } }';

interface Running {
  readonly server: InferenceServer;
  readonly client: RawClient;
  readonly address: string;
}

describe("sequences handed over from one server to another", () => {
  let repository: TinyRepository;
  let here: Running;
  let there: Running;
  let closed: InferenceServer;

  const start = async (): Promise<Running> => {
    const server = await createServer({ repository: repository.path, workers: 2, handOver: true });
    return { server, client: new RawClient(server.grpcAddress), address: server.httpAddress ?? "" };
  };
  beforeAll(async () => {
    repository = await tinyRepository([
      snapshotter("onnx", "", 10_000, 2),
      snapshotter("native", NATIVE, 10_000, 2),
      snapshotter("single"),
      network("network"),
      accumulator("sums"),
      ensemble("chain", "native", "network", "sums"),
      sharingSums("shared", "direct {}", 4),
    ]);
    [here, there] = await Promise.all([start(), start()]);
    closed = await createServer({ repository: repository.path, workers: 1 });
  });
  afterAll(async () => {
    for (const { client, server } of [here, there]) {
      client.close();
      await server.close();
    }
    await closed.close();
    await repository.remove();
  });

  const path = (model: string, id: bigint | string): string =>
    `/v2/strainflow/models/${model}/sequences/${typeof id === "bigint" ? id : encodeURIComponent(id)}/state${/^[0-9]+$/.test(String(id)) && typeof id === "string" ? "?type=string" : ""}`;
  const ask = (at: Running, method: string, model: string, id: bigint | string, body?: Blob, header = "") =>
    fetch(`${at.address}${path(model, id)}`, {
      method,
      ...(body === undefined ? {} : { body, headers: { "inference-header-content-length": header } }),
    });
  /** Moves a sequence as a client would. */
  const move = async (
    model: string,
    id: bigint | string,
    as = id,
    onto = there,
    into = model,
  ): Promise<Response> => {
    const taken = await ask(here, "GET", model, id);
    expect(taken.status).toBe(200);
    const header = taken.headers.get("inference-header-content-length") ?? "";
    return ask(onto, "PUT", into, as, await taken.blob(), header);
  };

  const values = (index: number): number[] =>
    Array.from({ length: CHANNELS * UPDATE }, (_, i) => Math.fround(Math.sin(i * 7 + index * 13) * 1e3));
  const request = (model: string, id: bigint | string, index: number, flags = {}) => {
    const sums = model === "shared";
    return {
      modelName: model,
      parameters: sequence(id, flags),
      inputs: [
        {
          name: sums ? "update" : model === "chain" ? "stream" : "snapshot_update",
          datatype: "FP32",
          shape: sums ? [1n, 1n] : [1n, BigInt(CHANNELS), BigInt(UPDATE)],
        },
      ],
      rawInputContents: [float32(sums ? values(index).slice(0, 1) : values(index))],
    };
  };
  const answer = async ({ client }: Running, ...what: Parameters<typeof request>): Promise<number[]> => {
    const response = await client.infer(request(...what));
    return response.outputs.flatMap((_, at) => floats(response, at));
  };

  it.each([
    ["onnx", 7n],
    ["native", "of a name, with / and ?"],
    ["native", "42"],
    ["chain", "ensemble"],
    ["shared", 9n],
  ] as const)("%s: one that moves in the middle gives the bytes of one that stays", async (model, id) => {
    const undisturbed: number[][] = [];
    const moved: number[][] = [];
    const stays = typeof id === "bigint" ? id + 1000n : `${id} stays`;
    for (let i = 0; i < 20; i++)
      undisturbed.push(await answer(there, model, stays, i, { start: i === 0, end: i === 19 }));
    for (let i = 0; i < 10; i++) moved.push(await answer(here, model, id, i, { start: i === 0 }));
    expect((await move(model, id)).status).toBe(200);
    expect((await ask(here, "DELETE", model, id)).status).toBe(200);
    for (let i = 10; i < 20; i++) moved.push(await answer(there, model, id, i, { end: i === 19 }));
    // What a row is told of its id and batch is its own; all else is the same to the last bit.
    const results = (all: number[][]) => (model === "shared" ? all.map(([total]) => total) : all);
    expect(results(moved)).toEqual(results(undisturbed));
    await expect(answer(here, model, id, 0)).rejects.toThrow(/must specify the START flag/);
  });

  it("a copy is taken behind the requests that came before it, and the sequence goes on", async () => {
    await answer(here, "onnx", "fork", 0, { start: true });
    await answer(here, "onnx", "fork", 1);
    expect((await move("onnx", "fork", "branch")).status).toBe(200);
    expect(await answer(here, "onnx", "fork", 2, { end: true })).toEqual(
      await answer(there, "onnx", "branch", 2, { end: true }),
    );
  });

  it("a kernel's state goes on in the graph that it stands for", async () => {
    await answer(here, "native", "twin", 0, { start: true });
    const taken = await ask(here, "GET", "native", "twin");
    const bytes = Buffer.from(await taken.arrayBuffer());
    const size = Number(taken.headers.get("inference-header-content-length"));
    const json = bytes.toString("utf8", 0, size).replace('"native"', '"onnx"');
    const body = new Blob([json, bytes.subarray(size)]);
    expect((await ask(there, "PUT", "onnx", "twin", body, String(Buffer.byteLength(json)))).status).toBe(200);
    expect(await answer(there, "onnx", "twin", 1, { end: true })).toEqual(
      await answer(here, "native", "twin", 1, { end: true }),
    );
  });

  it("says why not", async () => {
    const error = async (response: Promise<Response>): Promise<[number, string]> => {
      const given = await response;
      return [given.status, String(((await given.json()) as { error: string }).error)];
    };
    const elsewhere = { ...here, address: closed.httpAddress ?? "" };
    expect(await error(ask(elsewhere, "GET", "onnx", 1n))).toEqual([
      503,
      expect.stringContaining("handOver"),
    ]);
    expect(await error(ask(here, "GET", "onnx", "nobody"))).toEqual([
      404,
      "sequence nobody of model 'onnx' is not open",
    ]);
    expect(await error(ask(here, "DELETE", "nothing", 1n))).toEqual([
      404,
      expect.stringContaining("unknown model"),
    ]);
    expect(await error(ask(here, "GET", "network", 1n))).toEqual([
      400,
      "model 'network' keeps no states by sequence",
    ]);
    await answer(here, "onnx", "taken", 0, { start: true });
    await answer(there, "onnx", "taken", 0, { start: true });
    expect(await error(move("onnx", "taken"))).toEqual([400, expect.stringContaining("is open here")]);
    expect(await error(move("onnx", "taken", "other", there, "shared"))).toEqual([
      400,
      expect.stringContaining("have no place here"),
    ]);
    const bad = (state: object, tail = "") => {
      const json = JSON.stringify({ models: [{ model_name: "onnx", states: [state] }] });
      return error(ask(there, "PUT", "onnx", "bad", new Blob([json, tail]), String(json.length)));
    };
    const parameters = { binary_data_size: 4 };
    const state = { name: "input_snapshot", datatype: "FP32", shape: [1], parameters };
    expect(await bad(state, "abcd")).toEqual([400, expect.stringContaining("it must be [1,2,16]")]);
    expect(await bad({ ...state, name: "x" }, "abcd")).toEqual([400, expect.stringContaining("is no state")]);
    expect(await bad(state, "abcde")).toEqual([400, expect.stringContaining("1 bytes are left over")]);
    expect(await bad({ ...state, shape: [2 ** 52, 2 ** 52] }, "abcd")).toEqual([
      400,
      expect.stringContaining("cannot be"),
    ]);
    expect(await bad({ ...state, parameters: { binary_data_size: 2 ** 40 } }, "abcd")).toEqual([
      400,
      expect.stringContaining("are left"),
    ]);
    // None of these has left a sequence open, or a slot taken.
    for (const id of ["a", "b"]) await answer(there, "onnx", id, 0, { start: true, end: true });
    await expect(answer(there, "onnx", "bad", 0)).rejects.toThrow(/must specify the START flag/);
    for (const at of [here, there]) await answer(at, "onnx", "taken", 0, { end: true });
  });

  it("waits for nobody: where there is no slot, it is refused", async () => {
    await answer(here, "single", "mover", 0, { start: true });
    await answer(there, "single", "holder", 0, { start: true });
    const refused = await move("single", "mover");
    expect([refused.status, await refused.text()]).toEqual([503, expect.stringContaining("no free slot")]);
    await answer(here, "single", "mover", 1, { end: true });
    await answer(there, "single", "holder", 1, { end: true });
  });

  it("is told in the metadata where it is allowed, and only there", async () => {
    const extensions = async (address: string): Promise<string[]> =>
      ((await (await fetch(`${address}/v2`)).json()) as { extensions: string[] }).extensions;
    expect(await extensions(here.address)).toContain("strainflow_sequence_state");
    expect(await extensions(closed.httpAddress ?? "")).not.toContain("strainflow_sequence_state");
  });
});
