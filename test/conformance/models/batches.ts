import { AttributeProto_AttributeType as AttributeType } from "@strainflow/proto";
import { constant, graphAttribute, integerConstant, node, onnxTwin, valueInfo } from "./onnx-twin.ts";
import { io, ONE_INSTANCE, type TwinModel } from "./twin-model.ts";

const PYTHON = `
import time
import numpy as np
import triton_python_backend_utils as pb

class TritonPythonModel:
    def execute(self, requests):
        take = lambda r, name: pb.get_input_tensor_by_name(r, name).as_numpy()
        rows = sum(take(r, 'x').shape[0] for r in requests)
        time.sleep(max(float(take(r, 'ms').max()) for r in requests) / 1000)
        return [pb.InferenceResponse([
            pb.Tensor('y', take(r, 'x') * np.float32(2)),
            pb.Tensor('rows', np.full((take(r, 'x').shape[0], 1), rows, np.int64))]) for r in requests]
`;

/** Twice what it is given, and how many rows shared the batch; takes as long as one of them asks for, or some such time. */
const GRAPH = onnxTwin({
  inputs: [
    ["x", "FP32", ["batch", "n"]],
    ["ms", "INT64", ["batch", 1]],
  ],
  outputs: [
    ["y", "FP32", ["batch", "n"]],
    ["rows", "INT64", ["batch", 1]],
  ],
  nodes: [
    constant("two", "FP32", 2),
    node("Mul", ["x", "two"], "y"),
    node("ReduceMax", ["ms"], "most", [{ name: "keepdims", type: AttributeType.INT, i: 0n }]),
    constant("per_ms", "INT64", 400),
    node("Mul", ["most", "per_ms"], "trips"),
    constant("go", "BOOL", 1),
    constant("zero", "INT64", 0),
    node("Loop", ["trips", "go", "zero"], "burnt", [
      graphAttribute("body", {
        name: "body",
        input: [valueInfo(["i", "INT64", []]), valueInfo(["on", "BOOL", []]), valueInfo(["v", "INT64", []])],
        output: [valueInfo(["on_out", "BOOL", []]), valueInfo(["v_out", "INT64", []])],
        node: [
          node("Identity", ["on"], "on_out"),
          constant("inner", "INT64", 1),
          node("Sub", ["v", "inner"], "less"),
          node("Add", ["less", "inner"], "v_out"),
        ],
      }),
    ]),
    node("Shape", ["ms"], "shape"),
    integerConstant("first", "INT32", [0]),
    node("Gather", ["shape", "first"], "size"),
    node("Add", ["size", "burnt"], "counted"),
    node("Expand", ["counted", "shape"], "rows"),
  ],
});

function batched(name: string, size: number, scheduling: string): TwinModel {
  return {
    name,
    config: `max_batch_size: ${size}
${io({ x: ["FP32", [-1]], ms: ["INT64", [1]] }, { y: ["FP32", [-1]], rows: ["INT64", [1]] })}${ONE_INSTANCE}dynamic_batching { ${scheduling} }\n`,
    python: { code: PYTHON },
    onnx: { graphs: { "1": GRAPH } },
  };
}

export const BATCHES: readonly TwinModel[] = [
  batched("gather", 8, "preferred_batch_size: [4] max_queue_delay_microseconds: 500000"),
  batched("ranked", 2, "priority_levels: 3 default_priority_level: 2"),
  batched(
    "hasty",
    2,
    "default_queue_policy { timeout_action: REJECT default_timeout_microseconds: 100000 allow_timeout_override: true max_queue_size: 2 }",
  ),
  batched(
    "lenient",
    1,
    "default_queue_policy { timeout_action: DELAY default_timeout_microseconds: 10000000 allow_timeout_override: true }",
  ),
];
