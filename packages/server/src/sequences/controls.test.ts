import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createGraph } from "@strainflow/repository";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createServer, type InferenceServer } from "../server.ts";
import { float32, floats, RawClient, sequence } from "../testing/raw-client.ts";
import { type TinyRepository, tinyRepository } from "../testing/tiny-repository.ts";

/** Gives back what the batcher puts in, and sums x into a state. */
function echo(batched: boolean): Uint8Array {
  const g = createGraph("echo");
  const lead = batched ? ["batch"] : [];
  const x = g.input("x", "FP32", [...lead, 1]);
  const start = g.input("START", "FP32", [...lead, 1]);
  const end = g.input("END", "BOOL", [...lead, 1]);
  const ready = g.input("READY", "FP32", [...lead, 1]);
  const id = g.input("CORRID", "INT64", [...lead, 1]);
  const state = g.input("input_sum", "FP32", [...lead, 1]);
  const asFloat = (value: typeof x) => g.op("Cast", [value], { to: 1 });
  const all = [start, asFloat(end), ready, asFloat(id)];
  g.output("controls", g.op("Concat", all, { axis: batched ? 1 : 0 }), "FP32", [...lead, 4]);
  const sum = g.op("Add", [x, state]);
  g.output("sum", sum, "FP32", [...lead, 1]);
  g.output("output_sum", g.op("Identity", [sum]), "FP32", [...lead, 1]);
  return g.toBytes();
}

const config = (initial: string, batching: string, strategy = "") => `
platform: "onnxruntime_onnx"
${batching}
input [ { name: "x" data_type: TYPE_FP32 dims: [1] } ]
output [ { name: "controls" data_type: TYPE_FP32 dims: [4] }, { name: "sum" data_type: TYPE_FP32 dims: [1] } ]
instance_group [ { count: 1 } ]
sequence_batching {
  max_sequence_idle_microseconds: 10000000
  ${strategy}
  control_input [
    { name: "START" control [ { kind: CONTROL_SEQUENCE_START fp32_false_true: [0, 1] } ] },
    { name: "END" control [ { kind: CONTROL_SEQUENCE_END bool_false_true: [false, true] } ] },
    { name: "READY" control [ { kind: CONTROL_SEQUENCE_READY fp32_false_true: [-1, 2] } ] },
    { name: "CORRID" control [ { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_INT64 } ] }
  ]
  state [ { input_name: "input_sum" output_name: "output_sum" data_type: TYPE_FP32 dims: [1] ${initial} } ]
}`;

describe("what a sequence batcher puts into a model", () => {
  let repository: TinyRepository;
  let server: InferenceServer;
  let client: RawClient;

  beforeAll(async () => {
    const initial = 'initial_state { data_type: TYPE_FP32 dims: [1] data_file: "first" name: "first" }';
    repository = await tinyRepository([
      { name: "plain", config: config(initial, ""), versions: { "1": echo(false) } },
      { name: "batched", config: config("", "max_batch_size: 2"), versions: { "1": echo(true) } },
      {
        name: "oldest",
        config: config("", "", "oldest { max_candidate_sequences: 3 }"),
        versions: { "1": echo(false) },
      },
    ]);
    await mkdir(join(repository.path, "plain", "initial_state"));
    await writeFile(join(repository.path, "plain", "initial_state", "first"), float32([100]));
    server = await createServer({ repository: repository.path, workers: 1, httpPort: false });
    client = new RawClient(server.grpcAddress);
  });
  afterAll(async () => {
    client.close();
    await server.close();
    await repository.remove();
  });

  const send = async (
    modelName: string,
    id: bigint | string,
    flags: { start?: boolean; end?: boolean },
    rows = 1,
  ): Promise<readonly [number[], number[]]> => {
    const shape = modelName === "batched" ? [BigInt(rows), 1n] : [1n];
    const response = await client.infer({
      modelName,
      parameters: sequence(id, flags),
      inputs: [{ name: "x", datatype: "FP32", shape }],
      rawInputContents: [float32(new Array(rows).fill(3))],
    });
    return [floats(response, 0), floats(response, 1)];
  };

  it("tells START, END, READY and the id; states begin from their file at every START", async () => {
    expect(await send("plain", 9n, { start: true })).toEqual([[1, 0, 2, 9], [103]]);
    expect(await send("plain", 9n, {})).toEqual([[0, 0, 2, 9], [106]]);
    expect(await send("plain", 9n, { start: true })).toEqual([[1, 0, 2, 9], [103]]);
    expect(await send("plain", 9n, { end: true })).toEqual([[0, 1, 2, 9], [106]]);
  });

  it("has as many slots as the largest batch, and takes one row of each sequence", async () => {
    expect(await send("batched", 1n, { start: true })).toEqual([[1, 0, 2, 1], [3]]);
    expect(await send("batched", 2n, { start: true })).toEqual([[1, 0, 2, 2], [3]]);
    expect(await send("batched", 1n, { end: true })).toEqual([[0, 1, 2, 1], [6]]);
    expect(await send("batched", 2n, { end: true })).toEqual([[0, 1, 2, 2], [6]]);
    await expect(send("batched", 3n, { start: true }, 2)).rejects.toThrow(/must specify batch-size 1/);
  });

  it("interleaves as many sequences as `oldest` has candidates", async () => {
    for (const id of [1n, 2n, 3n]) expect((await send("oldest", id, { start: true }))[1]).toEqual([3]);
    for (const id of [1n, 2n, 3n]) expect((await send("oldest", id, { end: true }))[1]).toEqual([6]);
  });

  it("refuses an id that the model's CORRID cannot take", async () => {
    await expect(send("plain", "text", { start: true })).rejects.toThrow(/its CORRID input cannot take/);
    expect(await send("plain", 10n, { start: true, end: true })).toEqual([[1, 1, 2, 10], [103]]);
  });
});
