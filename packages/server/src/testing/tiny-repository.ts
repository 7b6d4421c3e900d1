import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGraph } from "@strainflow/repository";

/** A model as text and bytes. */
export interface TinyModel {
  readonly name: string;
  /** `config.pbtxt` without the name. */
  readonly config: string;
  /** Versions and their graphs; ensembles have none. */
  readonly versions?: Readonly<Record<string, Uint8Array>>;
}

export interface TinyRepository {
  readonly path: string;
  remove(): Promise<void>;
}

export async function tinyRepository(models: readonly TinyModel[]): Promise<TinyRepository> {
  const path = await mkdtemp(join(tmpdir(), "strainflow-server-"));
  for (const { name, config, versions = {} } of models) {
    await mkdir(join(path, name), { recursive: true });
    await writeFile(join(path, name, "config.pbtxt"), `name: "${name}"\n${config}`);
    for (const [version, bytes] of Object.entries(versions)) {
      await mkdir(join(path, name, version), { recursive: true });
      await writeFile(join(path, name, version, "model.onnx"), bytes);
    }
  }
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

export const CHANNELS = 2;
export const SNAPSHOT = 16;
export const STRIDE = 4;
export const BATCH = 2;
export const UPDATE = STRIDE * BATCH;

/** cat = X[S:] ++ u, windows of it, and its end as the new state. */
export function snapshotterGraph(): Uint8Array {
  const g = createGraph("snapshotter");
  const update = g.input("snapshot_update", "FP32", [1, CHANNELS, UPDATE]);
  const state = g.input("input_snapshot", "FP32", [1, CHANNELS, SNAPSHOT]);
  const cut = (value: typeof update, from: number, to: number) =>
    g.op("Slice", [value, g.ints([from]), g.ints([to]), g.ints([2])]);
  const cat = g.op("Concat", [cut(state, STRIDE, SNAPSHOT), update], { axis: 2 });
  const windows = Array.from({ length: BATCH }, (_, i) => cut(cat, i * STRIDE, i * STRIDE + SNAPSHOT));
  g.output("snapshot", g.op("Concat", windows, { axis: 0 }), "FP32", [BATCH, CHANNELS, SNAPSHOT]);
  const size = SNAPSHOT - STRIDE + UPDATE;
  g.output("output_snapshot", cut(cat, size - SNAPSHOT, size), "FP32", [1, CHANNELS, SNAPSHOT]);
  return g.toBytes();
}

export function snapshotter(name: string, extra = "", idleMs = 10_000, instances = 1): TinyModel {
  return {
    name,
    config: `
platform: "onnxruntime_onnx"
input [ { name: "snapshot_update" data_type: TYPE_FP32 dims: [1, ${CHANNELS}, ${UPDATE}] } ]
output [ { name: "snapshot" data_type: TYPE_FP32 dims: [${BATCH}, ${CHANNELS}, ${SNAPSHOT}] } ]
instance_group [ { count: ${instances} kind: KIND_CPU } ]
sequence_batching {
  max_sequence_idle_microseconds: ${idleMs * 1000}
  direct {}
  state [ {
    input_name: "input_snapshot" output_name: "output_snapshot" data_type: TYPE_FP32 dims: [1, ${CHANNELS}, ${SNAPSHOT}]
    initial_state { data_type: TYPE_FP32 dims: [1, ${CHANNELS}, ${SNAPSHOT}] zero_data: true name: "snapshot" }
  } ]
}
${extra}`,
    versions: { "1": snapshotterGraph() },
  };
}

/** y = scale · x, batched or not. */
export function scaler(
  name: string,
  scale: number,
  config: string,
  shape: readonly (number | string)[],
): TinyModel {
  const g = createGraph(name);
  const x = g.input("x", "FP32", shape);
  g.output("y", g.op("Mul", [x, g.float(scale)]), "FP32", shape);
  return { name, config: `platform: "onnxruntime_onnx"\n${config}`, versions: { "1": g.toBytes() } };
}

/** Weighted sums over windows: what a network is to these tests. `[B, C, L]` → `[B, 1]`. */
export function network(name: string): TinyModel {
  const g = createGraph(name);
  const x = g.input("x", "FP32", [BATCH, CHANNELS, SNAPSHOT]);
  const weights = Float32Array.from({ length: CHANNELS * SNAPSHOT }, (_, i) => 1 + (i % 7));
  const product = g.op("Mul", [x, g.constant(weights, [1, CHANNELS, SNAPSHOT])]);
  const sum = g.op("ReduceSum", [product, g.ints([1, 2])], { keepdims: 0 });
  g.output("score", g.op("Reshape", [sum, g.ints([BATCH, 1])]), "FP32", [BATCH, 1]);
  return {
    name,
    config: `
platform: "onnxruntime_onnx"
input [ { name: "x" data_type: TYPE_FP32 dims: [${BATCH}, ${CHANNELS}, ${SNAPSHOT}] } ]
output [ { name: "score" data_type: TYPE_FP32 dims: [${BATCH}, 1] } ]`,
    versions: { "1": g.toBytes() },
  };
}

/** Running sums: `total` is the sum of all scores of a sequence so far. A stateful step behind a stateless one. */
export function accumulator(name: string): TinyModel {
  const g = createGraph(name);
  const update = g.input("update", "FP32", [BATCH, 1]);
  const state = g.input("input_sum", "FP32", [1]);
  const sum = g.op("Add", [g.op("ReduceSum", [update, g.ints([0, 1])], { keepdims: 0 }), state]);
  g.output("total", sum, "FP32", [1]);
  g.output("output_sum", g.op("Identity", [sum]), "FP32", [1]);
  return {
    name,
    config: `
platform: "onnxruntime_onnx"
input [ { name: "update" data_type: TYPE_FP32 dims: [${BATCH}, 1] } ]
output [ { name: "total" data_type: TYPE_FP32 dims: [1] } ]
instance_group [ { count: 2 } ]
sequence_batching {
  max_sequence_idle_microseconds: 10000000
  state [ { input_name: "input_sum" output_name: "output_sum" data_type: TYPE_FP32 dims: [1] } ]
}`,
    versions: { "1": g.toBytes() },
  };
}

/**
 * Running sums of sequences that share batches; `told` is what a row can see of its batch: how many rows there are, how
 * many of them are ready, its own READY and its own CORRID.
 */
export function sharingSums(name: string, strategy: string, maxBatchSize: number): TinyModel {
  const g = createGraph(name);
  const column = (port: string) => g.input(port, "FP32", ["batch", 1]);
  const update = column("update");
  const ready = column("READY");
  const corrid = g.op("Cast", [g.input("CORRID", "INT64", ["batch", 1])], { to: 1 });
  const sum = g.op("Add", [update, column("input_sum")]);
  const zeros = g.op("Mul", [ready, g.float(0)]);
  const all = (value: typeof ready) =>
    g.op("Add", [zeros, g.op("ReduceSum", [value, g.ints([0])], { keepdims: 1 })]);
  const rows = all(g.op("Add", [zeros, g.float(1)]));
  g.output("total", sum, "FP32", ["batch", 1]);
  g.output("output_sum", g.op("Identity", [sum]), "FP32", ["batch", 1]);
  g.output("told", g.op("Concat", [rows, all(ready), ready, corrid], { axis: 1 }), "FP32", ["batch", 4]);
  return {
    name,
    config: `
platform: "onnxruntime_onnx"
max_batch_size: ${maxBatchSize}
input [ { name: "update" data_type: TYPE_FP32 dims: [1] } ]
output [ { name: "total" data_type: TYPE_FP32 dims: [1] }, { name: "told" data_type: TYPE_FP32 dims: [4] } ]
instance_group [ { count: 1 } ]
sequence_batching {
  max_sequence_idle_microseconds: 10000000
  ${strategy}
  control_input [
    { name: "READY" control [ { kind: CONTROL_SEQUENCE_READY fp32_false_true: [0, 1] } ] },
    { name: "CORRID" control [ { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_INT64 } ] }
  ]
  state [ { input_name: "input_sum" output_name: "output_sum" data_type: TYPE_FP32 dims: [1] } ]
}`,
    versions: { "1": g.toBytes() },
  };
}

/** snapshotter → network → accumulator */
export function ensemble(name: string, snapshots: string, net: string, sums: string): TinyModel {
  return {
    name,
    config: `
platform: "ensemble"
input [ { name: "stream" data_type: TYPE_FP32 dims: [1, ${CHANNELS}, ${UPDATE}] } ]
output [ { name: "score" data_type: TYPE_FP32 dims: [${BATCH}, 1] }, { name: "total" data_type: TYPE_FP32 dims: [1] } ]
ensemble_scheduling { step [
  { model_name: "${snapshots}" model_version: -1 input_map { key: "snapshot_update" value: "stream" } output_map { key: "snapshot" value: "windows" } },
  { model_name: "${net}" model_version: -1 input_map { key: "x" value: "windows" } output_map { key: "score" value: "score" } },
  { model_name: "${sums}" model_version: -1 input_map { key: "update" value: "score" } output_map { key: "total" value: "total" } }
] }`,
  };
}
