import { GRPCInferenceService } from "@strainflow/proto";
import { createGraph } from "@strainflow/repository";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Refusal } from "../refusal.ts";
import { createServer, type InferenceServer } from "../server.ts";
import type { RawTensor } from "../tensors/raw-tensor.ts";
import { float32, floats, RawClient } from "../testing/raw-client.ts";
import { type TinyModel, type TinyRepository, tinyRepository } from "../testing/tiny-repository.ts";
import { joinBatch, splitBatch } from "./batch.ts";
import { type BatchInputSpec, batchInputs } from "./ragged-batch.ts";

/** For each request the sum of its elements, by where it ends in the batch; and each element doubled. */
function summer(): TinyModel {
  const g = createGraph("summer");
  const x = g.input("x", "FP32", ["elements"]);
  const ends = g.input("ends", "INT64", ["bounds"]);
  const sums = g.op("Concat", [g.constant(Float32Array.of(0), [1]), g.op("CumSum", [x, g.int(0)])], {
    axis: 0,
  });
  const atEnds = g.op("Gather", [sums, ends], { axis: 0 });
  const slice = (from: number, to: number) =>
    g.op("Slice", [atEnds, g.ints([from]), g.ints([to]), g.ints([0])]);
  const own = g.op("Sub", [slice(1, 2 ** 31 - 1), slice(0, -1)]);
  g.output("sum", g.op("Reshape", [own, g.ints([-1, 1])]), "FP32", ["batch", 1]);
  g.output("double", g.op("Mul", [x, g.float(2)]), "FP32", ["elements"]);
  return {
    name: "summer",
    config: `platform: "onnxruntime_onnx" max_batch_size: 8
input [ { name: "x" data_type: TYPE_FP32 dims: [-1] allow_ragged_batch: true } ]
output [ { name: "sum" data_type: TYPE_FP32 dims: [1] }, { name: "double" data_type: TYPE_FP32 dims: [-1] } ]
batch_input [ { kind: BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO target_name: "ends" data_type: TYPE_INT64 source_input: "x" } ]
batch_output [ { kind: BATCH_SCATTER_WITH_INPUT_SHAPE target_name: "double" source_input: "x" } ]
instance_group [ { count: 1 } ]
dynamic_batching { preferred_batch_size: [3] max_queue_delay_microseconds: 20000000 }`,
    versions: { "1": g.toBytes() },
  };
}

describe("a model that takes requests of different lengths in one batch", () => {
  let repository: TinyRepository;
  let server: InferenceServer;
  let client: RawClient;

  beforeAll(async () => {
    repository = await tinyRepository([summer()]);
    server = await createServer({ repository: repository.path, workers: 1, httpPort: false });
    client = new RawClient(server.grpcAddress);
  });
  afterAll(async () => {
    client.close();
    await server.close();
    await repository.remove();
  });

  it("runs them together, and gives each its own", async () => {
    const requests = [[1, 2, 3], [10], [20, 30]];
    const answers = await Promise.all(
      requests.map((values) =>
        client.infer({
          modelName: "summer",
          inputs: [{ name: "x", datatype: "FP32", shape: [1n, BigInt(values.length)] }],
          rawInputContents: [float32(values)],
        }),
      ),
    );
    expect(answers.map((answer) => floats(answer, 0))).toEqual([[6], [10], [50]]);
    expect(answers.map((answer) => floats(answer, 1))).toEqual([[2, 4, 6], [20], [40, 60]]);
    expect(answers.map(({ outputs }) => outputs[1]?.shape)).toEqual([
      [1n, 3n],
      [1n, 1n],
      [1n, 2n],
    ]);
    const { modelStats } = await client.unary(GRPCInferenceService.method.modelStatistics, {
      name: "summer",
    });
    expect([modelStats[0]?.inferenceCount, modelStats[0]?.executionCount]).toEqual([3n, 1n]);
  });
});

const request = (shape: readonly number[], first = 0): ReadonlyMap<string, RawTensor> => {
  const data = Float32Array.from(
    { length: shape.reduce((all, size) => all * size, 1) },
    (_, at) => first + at,
  );
  return new Map([
    ["x", { datatype: "FP32" as const, shape, data: new Uint8Array(data.buffer), movable: false }],
  ]);
};

describe("what a batch says of its requests", () => {
  // Triton's documentation takes requests of [1, 3], [1, 4] and [1, 5] for its example.
  const example = [request([1, 3]), request([1, 4]), request([1, 5])];
  it.each<[BatchInputSpec["kind"], readonly number[], readonly number[]]>([
    ["element-count", [3, 4, 5], [3]],
    ["accumulated", [3, 7, 12], [3]],
    ["accumulated-with-zero", [0, 3, 7, 12], [4]],
    ["largest-as-shape", [0, 0, 0, 0, 0], [5]],
    ["item-shape", [3, 4, 5], [3, 1]],
    ["item-shape-flat", [3, 4, 5], [3]],
  ])("%s", (kind, values, shape) => {
    const plan = (datatype: "FP32" | "INT32") => ({
      ragged: new Set(["x"]),
      made: [{ names: ["told"], kind, datatype, source: "x" }],
      scattered: new Map(),
    });
    const told = batchInputs(plan("FP32"), example).get("told");
    expect([...new Float32Array(told?.data.buffer ?? new ArrayBuffer(0))]).toEqual(values);
    expect(told?.shape).toEqual(shape);
    const whole = batchInputs(plan("INT32"), example).get("told");
    expect([...new Int32Array(whole?.data.buffer ?? new ArrayBuffer(0))]).toEqual(values);
  });

  it("item shapes are those of each element of a request's batch", () => {
    const made = [{ names: ["told"], kind: "item-shape" as const, datatype: "INT64" as const, source: "x" }];
    const plan = { ragged: new Set(["x"]), made, scattered: new Map<string, string>() };
    const told = batchInputs(plan, [request([2, 4, 5]), request([1, 1, 3])]).get("told");
    expect(told?.shape).toEqual([3, 2]);
    expect([...new BigInt64Array(told?.data.buffer ?? new ArrayBuffer(0))]).toEqual([4n, 5n, 4n, 5n, 1n, 3n]);
  });
});

describe("joining and splitting", () => {
  const shapes = fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 4 })), {
    minLength: 1,
    maxLength: 5,
  });

  it("whatever the lengths, each request gets back what it gave", () =>
    fc.assert(
      fc.property(shapes, (given) => {
        const requests = given.map((shape, at) => request(shape, at * 100));
        const plan = { ragged: new Set(["x"]), made: [], scattered: new Map([["x", "x"]]) };
        const joined = joinBatch(requests, plan);
        expect(joined.get("x")?.shape).toEqual([given.reduce((sum, [size, width]) => sum + size * width, 0)]);
        const members = requests.map((inputs, at) => ({ inputs, size: given[at]?.[0] ?? 0 }));
        expect(splitBatch(joined, members, plan)).toEqual(requests);
      }),
    ));

  it("a model whose output does not follow fails all of the batch", () => {
    const members = [request([1, 3]), request([1, 4])].map((inputs) => ({ inputs, size: 1 }));
    const plan = { ragged: new Set(["x"]), made: [], scattered: new Map([["y", "x"]]) };
    const short: RawTensor = { datatype: "FP32", shape: [6], data: new Uint8Array(24), movable: true };
    const outputs = new Map([["y", short]]);
    for (const outcome of splitBatch(outputs, members, plan)) expect(outcome).toBeInstanceOf(Refusal);
  });
});
