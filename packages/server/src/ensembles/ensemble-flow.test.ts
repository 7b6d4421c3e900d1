import { create } from "@bufbuild/protobuf";
import { ModelConfigSchema } from "@strainflow/proto";
import { createGraph } from "@strainflow/repository";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LoadedModels, loadModels } from "../models/load-models.ts";
import { Model } from "../models/model.ts";
import type { Port } from "../models/model-spec.ts";
import { Refusal } from "../refusal.ts";
import type { Outcome, StepTiming, Timing } from "../scheduling/scheduler.ts";
import { StatelessScheduler } from "../scheduling/stateless-scheduler.ts";
import type { RawTensors } from "../tensors/raw-tensor.ts";
import { type Batch, ManualClock, ManualThread, rowsOf } from "../testing/manual-threads.ts";
import { type TinyModel, type TinyRepository, tinyRepository } from "../testing/tiny-repository.ts";
import { ServerLog } from "../watching/server-log.ts";
import { Statistics } from "../watching/statistics.ts";
import { THE_REQUEST } from "./ensemble-plan.ts";
import { EnsembleScheduler } from "./ensemble-scheduler.ts";

const SIZE = 160;

/** Enough matrix products to run for some tens of milliseconds: y = scale · x, by the long way round. */
function laborious(name: string, scale: number): TinyModel {
  const g = createGraph(name);
  const identity = new Float32Array(SIZE * SIZE);
  for (let at = 0; at < SIZE; at++) identity[at * SIZE + at] = 1;
  const one = g.constant(identity, [SIZE, SIZE]);
  const x = g.input("x", "FP32", [SIZE, SIZE]);
  let value = g.op("Mul", [x, g.float(scale)]);
  for (let round = 0; round < 150; round++) value = g.op("Max", [g.op("MatMul", [value, one]), value]);
  g.output("y", value, "FP32", [SIZE, SIZE]);
  return {
    name,
    config: `platform: "onnxruntime_onnx"
input [ { name: "x" data_type: TYPE_FP32 dims: [${SIZE}, ${SIZE}] } ]
output [ { name: "y" data_type: TYPE_FP32 dims: [${SIZE}, ${SIZE}] } ]
instance_group [ { count: 1 } ]
parameters { key: "intra_op_thread_count" value: { string_value: "1" } }`,
    versions: { "1": g.toBytes() },
  };
}

const fork: TinyModel = {
  name: "fork",
  config: `platform: "ensemble"
input [ { name: "in" data_type: TYPE_FP32 dims: [${SIZE}, ${SIZE}] } ]
output [ { name: "left" data_type: TYPE_FP32 dims: [${SIZE}, ${SIZE}] }, { name: "right" data_type: TYPE_FP32 dims: [${SIZE}, ${SIZE}] } ]
ensemble_scheduling { step [
  { model_name: "two" model_version: -1 input_map { key: "x" value: "in" } output_map { key: "y" value: "left" } },
  { model_name: "three" model_version: -1 input_map { key: "x" value: "in" } output_map { key: "y" value: "right" } }
] }`,
};

describe("branches of an ensemble", () => {
  let repository: TinyRepository;
  let loaded: LoadedModels;

  beforeAll(async () => {
    repository = await tinyRepository([laborious("two", 2), laborious("three", 3), fork]);
    const log = new ServerLog({ write: () => {} });
    loaded = await loadModels({ repository: repository.path, workers: 2, log });
  });
  afterAll(async () => {
    loaded.repository.close();
    await Promise.all(loaded.threads.map((thread) => thread.close()));
    await repository.remove();
  });

  const infer = (inputs: RawTensors): Promise<{ outcome: Outcome; timing: Timing | undefined }> =>
    new Promise((resolve) => {
      loaded.registry.get("fork", "").infer({ id: "", inputs }, (outcome, timing) => {
        resolve({ outcome, timing });
      });
    });
  const overlap = (steps: readonly StepTiming[]): boolean => {
    const [one, other] = steps.map(({ timing }) => timing);
    if (one === undefined || other === undefined) return false;
    return one.runNs < other.ranNs && other.runNs < one.ranNs;
  };

  it("run at the same time", async () => {
    const x = Float32Array.from({ length: SIZE * SIZE }, (_, at) => at % 5);
    const data = new Uint8Array(x.buffer);
    const inputs = new Map([
      ["in", { datatype: "FP32" as const, shape: [SIZE, SIZE], data, movable: false }],
    ]);
    let together = 0;
    for (let round = 0; round < 4; round++) {
      const { outcome, timing } = await infer(inputs);
      if (outcome instanceof Refusal) throw outcome;
      for (const [name, scale] of [
        ["left", 2],
        ["right", 3],
      ] as const) {
        const bytes = outcome.get(name)?.data ?? new Uint8Array(0);
        expect(new Float32Array(Uint8Array.from(bytes).buffer)).toEqual(x.map((value) => scale * value));
      }
      expect(timing?.steps).toHaveLength(2);
      if (overlap(timing?.steps ?? [])) together += 1;
    }
    expect(together).toBeGreaterThan(0);
  });
});

const port = (name: string): [string, Port] => [
  name,
  { name, datatype: "FP32", shape: [-1, 1], optional: false },
];

interface Arrival {
  readonly afterMs: number;
  /** After how long nobody waits for the answer any more. */
  readonly giveUpMs: number | undefined;
}

/** Requests through two models of six instances each, one after the other. */
async function play(maxInFlight: number, arrivals: readonly Arrival[]) {
  const clock = new ManualClock();
  const runs: readonly Batch[][] = [[], []];
  const models = runs.map((batches, at) => {
    const name = `model ${at}`;
    const config = create(ModelConfigSchema, { name });
    const ports = { inputs: new Map([port("x")]), outputs: new Map([port("y")]) };
    const statistics = new Statistics();
    const threads = Array.from(
      { length: 6 },
      () => new ManualThread(clock, batches, (run) => 2 + ((run + at) % 5)),
    );
    return new Model({
      spec: { name, version: "1", config, maxBatchSize: 1, ...ports },
      platform: "onnxruntime_onnx",
      statistics,
      scheduler: new StatelessScheduler({ model: at, threads, statistics, batched: true, clock }),
      isReady: () => true,
      stateful: false,
      release: () => {},
    });
  });
  const tensors = ["in", "between", "out"];
  const steps = models.map((model, at) => ({
    model,
    inputs: new Map([["x", tensors[at] ?? ""]]),
    outputs: new Map([["y", tensors[at + 1] ?? ""]]),
    of: THE_REQUEST,
    gives: THE_REQUEST,
  }));
  const plan = {
    steps,
    readers: new Map(tensors.map((name) => [name, 1])),
    decoupled: false,
    answers: THE_REQUEST,
    outputs: new Map([port("out")]),
    optional: [],
  };
  const statistics = new Statistics();
  const scheduler = new EnsembleScheduler({ name: "both", plan, batched: true, statistics, maxInFlight });
  const answers: Outcome[][] = arrivals.map(() => []);
  let atMs = 0;
  arrivals.forEach(({ afterMs, giveUpMs }, at) => {
    atMs += afterMs;
    const arrivedMs = atMs;
    clock.at(arrivedMs * 1e6, () => {
      const ticket = scheduler.admit(undefined);
      ticket.run(new Map([["in", rowsOf(at, 1, 1)]]), ["out"], (outcome) => answers[at]?.push(outcome));
      if (giveUpMs !== undefined) clock.at((arrivedMs + giveUpMs) * 1e6, () => ticket.abandon());
    });
  });
  await clock.runAll();
  expect(scheduler.idle).toBe(true);
  return { runs, answers };
}

const arrivalsOf = fc.array(
  fc.record({
    afterMs: fc.constantFrom(0, 0, 1, 4),
    giveUpMs: fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined, freq: 3 }),
  }),
  { minLength: 1, maxLength: 20 },
);

describe("an ensemble's limit on what it has in a step", () => {
  it("holds for any pattern of arrivals, and every request is answered once", () =>
    fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), arrivalsOf, async (limit, arrivals) => {
        const { runs, answers } = await play(limit, arrivals);
        for (const batches of runs)
          for (const { atMs } of batches)
            expect(
              batches.filter((other) => other.atMs <= atMs && other.endMs > atMs).length,
            ).toBeLessThanOrEqual(limit);
        answers.forEach((outcomes, at) => {
          expect(outcomes).toHaveLength(1);
          const [outcome] = outcomes;
          if (outcome instanceof Refusal) {
            expect(outcome.code).toBe("CANCELLED");
            expect(arrivals[at]?.giveUpMs).toBeDefined();
          } else expect(outcome?.get("out")?.data).toEqual(rowsOf(at, 1, 1).data);
        });
      }),
      { numRuns: 200 },
    ));

  it("without it, as many run as there are instances", async () => {
    const arrivals = Array.from({ length: 12 }, () => ({ afterMs: 0, giveUpMs: undefined }));
    const { runs } = await play(0, arrivals);
    expect(runs[0]?.filter(({ atMs }) => atMs === 0).length).toBeGreaterThanOrEqual(6);
    const limited = await play(2, arrivals);
    expect(limited.runs[0]?.filter(({ atMs }) => atMs === 0)).toHaveLength(2);
  });
});
