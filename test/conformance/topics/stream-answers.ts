import { randomUUID } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { GRPCInferenceService } from "@strainflow/proto";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { type Topic, topic } from "../subject.ts";
import { float32, int32, int64, integers, strings, uint32 } from "../wire/bytes.ts";
import { type InferInit, type InferOptions, inferRequest } from "../wire/messages.ts";
import { type Arrival, RawGrpc } from "../wire/raw-grpc.ts";

const { method } = GRPCInferenceService;

const repeat = (id: string, values: readonly number[], options: InferOptions = {}, model = "repeat") =>
  inferRequest(
    model,
    [
      ["IN", "INT32", [values.length], int32(...values)],
      ["DELAY", "UINT32", [values.length], uint32(...values.map(() => 0))],
      ["WAIT", "UINT32", [1], uint32(0)],
    ],
    { id, parameters: { triton_enable_empty_final_response: true }, ...options },
  );
const picky = (x: number, id = "p") => inferRequest("picky", [["x", "INT32", [1], int32(x)]], { id });

/** What a stream's answers say beside their outputs, errors above all. */
export const streamAnswers: Topic = topic("answers of a stream", (subject) => {
  let client: RawGrpc;
  const region = `region-${randomUUID()}`;
  const key = `/strainflow-${randomUUID()}`;
  const file = `/dev/shm${key}`;
  beforeAll(async () => {
    client = new RawGrpc(subject().grpc);
    writeFileSync(file, Buffer.alloc(64));
    await client.call(method.systemSharedMemoryRegister, { name: region, key, byteSize: 64n });
  });
  afterAll(async () => {
    // Triton lets go of it after it has answered.
    await vi.waitFor(() => client.call(method.systemSharedMemoryUnregister, { name: region }), 5000);
    rmSync(file, { force: true });
    client.close();
  });

  /** All that comes until one says that it is the last, or is an error that says nothing of it. */
  async function answers(request: InferInit): Promise<Arrival[]> {
    const stream = client.stream();
    stream.send(request);
    const came: Arrival[] = [];
    for (;;) {
      const arrival = await stream.next();
      came.push(arrival);
      const { triton_final_response: final } = arrival.parameters;
      if (final === true || (final === undefined && arrival.error !== "")) break;
    }
    stream.end();
    expect((await stream.ended).code).toBe("OK");
    return came;
  }

  const bare = { model: "", version: "", parameters: {}, outputs: {} };

  it.each([
    ["an unknown model", inferRequest("nope", [], { id: "r" }), /unknown model: 'nope'/],
    [
      "a shape",
      inferRequest("net", [["x", "FP32", [1, 2, 3], float32(1, 2, 3, 4, 5, 6)]], { id: "r" }),
      /unexpected shape/,
    ],
    ["an output", repeat("r", [1], { outputs: ["zz"] }), /unexpected inference output 'zz'/],
    [
      "a sequence without its id",
      inferRequest("sum", [["x", "FP32", [1], float32(1)]], { id: "r" }),
      /non-zero/,
    ],
    [
      "shared memory that there is not",
      repeat("r", [1], { outputs: [["OUT", { shared_memory_region: "no", shared_memory_byte_size: 4n }]] }),
      /Unable to find shared memory region: 'no'/,
    ],
  ])("what no model took is told of by its id alone: %s", async (_, request, error) => {
    expect(await answers(request)).toEqual([
      { ...bare, id: "r", error: expect.stringMatching(error) as string },
    ]);
  });

  it("what fails in a model names it, and says that it is the last", async () => {
    const last = { ...bare, version: "", parameters: { triton_final_response: true } };
    for (const id of ["p", ""])
      expect(await answers(picky(77, id))).toEqual([
        { ...last, id, model: "picky", error: expect.stringMatching(/77/) as string },
      ]);
    const failed = {
      ...last,
      id: "d",
      model: "picked",
      error: expect.stringMatching(/^in ensemble 'picked', /) as string,
    };
    const [first, ...rest] = await answers(repeat("d", [1, 77, 2], {}, "picked"));
    expect(first).toMatchObject({ model: "picked", version: "1", error: "" });
    expect(rest).toEqual([failed]);
  });

  it("an ensemble takes what its steps refuse", async () => {
    const request = inferRequest("chain", [["update", "FP32", [1], float32(1)]], {
      id: "e",
      parameters: { sequence_id: 8123n },
    });
    expect(await answers(request)).toEqual([
      {
        ...bare,
        id: "e",
        model: "chain",
        parameters: { triton_final_response: true },
        error: expect.stringMatching(/^in ensemble 'chain', .*must specify the START flag/) as string,
      },
    ]);
  });

  const end = { ...bare, id: "r", model: "repeat", parameters: { triton_final_response: true }, error: "" };

  it("outputs of a decoupled model in shared memory, each over the one before", async () => {
    const place = { shared_memory_region: region, shared_memory_byte_size: 16n, shared_memory_offset: 8n };
    const came = await answers(repeat("r", [3, 4], { outputs: [["OUT", place], "IDX"] }));
    expect(came.map(({ outputs, parameters }) => [outputs, parameters["triton_final_response"]])).toEqual([
      ...[0, 1].map((at) => [
        {
          OUT: { datatype: "INT32", shape: [1], bytes: new Uint8Array(0) },
          IDX: { datatype: "UINT32", shape: [1], bytes: uint32(at) },
        },
        false,
      ]),
      [{}, true],
    ]);
    expect(readFileSync(file).readInt32LE(8)).toBe(4);
  });

  it("each of them fails by itself where there is too little room", async () => {
    const place = { shared_memory_region: region, shared_memory_byte_size: 2n };
    const failed = {
      ...bare,
      id: "r",
      model: "repeat",
      parameters: { triton_final_response: false },
      error:
        "shared memory size specified with the request for output 'OUT' (2 bytes) should be at least 4 bytes to hold the results",
    };
    expect(await answers(repeat("r", [3, 4], { outputs: [["OUT", place], "IDX"] }))).toEqual([
      failed,
      failed,
      end,
    ]);
  });

  it("outputs of a decoupled model as classes", async () => {
    for (const model of ["repeat", "each"]) {
      const came = await answers(
        repeat("r", [3, 4], { outputs: [["OUT", { classification: 5n }], "IDX"] }, model),
      );
      const told = came.filter(({ outputs }) => "OUT" in outputs);
      expect(told.map((one) => [strings(one, "OUT"), integers(one, "IDX")])).toEqual(
        [3, 4].map((value, at) => [[`${model === "each" ? 10 * value : value}:0`], [at]]),
      );
    }
  });

  it("the last answer of a model that gives one says so", async () => {
    expect(await answers(inferRequest("work", [["ms", "INT64", [1], int64(1)]], { id: "w" }))).toMatchObject([
      { id: "w", model: "work", version: "1", parameters: { triton_final_response: true }, error: "" },
    ]);
  });
});
