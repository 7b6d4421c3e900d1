import { createGraph } from "@strainflow/repository";
import type { TinyModel } from "./tiny-repository.ts";

export const io: string = `input [ { name: "x" data_type: TYPE_FP32 dims: [2] } ] output [ { name: "y" data_type: TYPE_FP32 dims: [2] } ]`;
export const onnx: string = 'platform: "onnxruntime_onnx"\n';

/** y = scale · x */
export function scale(by: number, shape: readonly (number | string)[] = [2]): Uint8Array {
  const g = createGraph("scale");
  const x = g.input("x", "FP32", shape);
  g.output("y", g.op("Mul", [x, g.float(by)]), "FP32", shape);
  return g.toBytes();
}

/** y = by + the sum of all x of the sequence so far: `by` tells which version answered, the sum whether none is lost. */
export function counter(by: number): Uint8Array {
  const g = createGraph("counter");
  const x = g.input("x", "FP32", [2]);
  const state = g.input("input_sum", "FP32", [2]);
  const sum = g.op("Add", [x, state]);
  g.output("y", g.op("Add", [sum, g.float(by)]), "FP32", [2]);
  g.output("output_sum", g.op("Identity", [sum]), "FP32", [2]);
  return g.toBytes();
}

const counterConfig = `${onnx}${io}
sequence_batching { max_sequence_idle_microseconds: 60000000 oldest { max_candidate_sequences: 16 }
  state [ { input_name: "input_sum" output_name: "output_sum" data_type: TYPE_FP32 dims: [2] } ] }`;

const chain = (steps: string): string => `platform: "ensemble"
input [ { name: "a" data_type: TYPE_FP32 dims: [2] } ] output [ { name: "b" data_type: TYPE_FP32 dims: [2] } ]
ensemble_scheduling { step [ ${steps} ] }`;
const step = (name: string, from: string, to: string): string =>
  `{ model_name: "${name}" model_version: -1 input_map { key: "x" value: "${from}" } output_map { key: "y" value: "${to}" } }`;

/** Good ones of every kind, and bad ones. */
export const controlModels: readonly TinyModel[] = [
  { name: "net", config: onnx + io, versions: { "1": scale(2) } },
  {
    name: "ver",
    config: `${onnx}${io} version_policy { specific { versions: [1, 3] } }`,
    versions: { "1": scale(2), "2": scale(3), "3": scale(4) },
  },
  { name: "latest", config: onnx + io, versions: { "1": scale(2), "2": scale(3) } },
  { name: "count", config: counterConfig, versions: { "1": counter(1000) } },
  { name: "ens", config: chain(`${step("net", "a", "m")}, ${step("count", "m", "b")}`) },
  { name: "badens", config: chain(step("missing", "a", "b")) },
  { name: "broken", config: onnx + io, versions: { "1": Uint8Array.of(1, 2, 3) } },
  { name: "badtext", config: "input [", versions: { "1": scale(2) } },
  { name: "noversion", config: onnx + io },
];
