import { constant, integerConstant, node, onnxTwin } from "./onnx-twin.ts";
import { io, ONE_INSTANCE, type TwinModel } from "./twin-model.ts";

/** The python backend hands out requests one by one, and needs no word on where each begins. */
const PYTHON = `
import numpy as np
import triton_python_backend_utils as pb

class TritonPythonModel:
    def execute(self, requests):
        take = lambda r, name: pb.get_input_tensor_by_name(r, name).as_numpy()
        together = np.full((1, 1), len(requests), np.int64)
        return [pb.InferenceResponse([
            pb.Tensor('sum', (take(r, 'x').sum(axis=1, keepdims=True) * take(r, 'k')).astype(np.float32)),
            pb.Tensor('double', take(r, 'x') * np.float32(2)),
            pb.Tensor('together', together)]) for r in requests]
`;

/** An ONNX graph has all elements in one row, and is told where each request ends. */
const GRAPH = onnxTwin({
  inputs: [
    ["x", "FP32", ["elements"]],
    ["k", "FP32", ["batch", 1]],
    ["ends", "INT32", ["bounds"]],
  ],
  outputs: [
    ["sum", "FP32", ["batch", 1]],
    ["double", "FP32", ["elements"]],
    ["together", "INT64", ["batch", 1]],
  ],
  nodes: [
    constant("zero", "FP32", 0, false),
    constant("axis", "INT64", 0),
    node("CumSum", ["x", "axis"], "sums"),
    node("Concat", ["zero", "sums"], "from_zero", [{ name: "axis", type: 2, i: 0n }]),
    node("Gather", ["from_zero", "ends"], "at_ends"),
    integerConstant("first", "INT32", [0]),
    integerConstant("second", "INT32", [1]),
    integerConstant("last", "INT32", [-1]),
    integerConstant("end", "INT32", [2 ** 31 - 1]),
    node("Slice", ["at_ends", "second", "end", "first"], "upper"),
    node("Slice", ["at_ends", "first", "last", "first"], "lower"),
    node("Sub", ["upper", "lower"], "own"),
    node("Shape", ["k"], "shape"),
    node("Reshape", ["own", "shape"], "column"),
    node("Mul", ["column", "k"], "sum"),
    constant("two", "FP32", 2),
    node("Mul", ["x", "two"], "double"),
    node("Gather", ["shape", "first"], "count"),
    node("Expand", ["count", "shape"], "together"),
  ],
});

/** For each request the sum of its elements times k, its elements doubled, and how many requests shared the run. */
export const RAGGED: readonly TwinModel[] = [
  {
    name: "ragged",
    config: `max_batch_size: 4
input [ { name: "x" data_type: TYPE_FP32 dims: [-1] allow_ragged_batch: true }, { name: "k" data_type: TYPE_FP32 dims: [1] } ]
${io({}, { sum: ["FP32", [1]], double: ["FP32", [-1]], together: ["INT64", [1]] }).replace(/^input \[.*\]\n/, "")}
batch_input [ { kind: BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO target_name: "ends" data_type: TYPE_INT32 source_input: "x" } ]
batch_output [ { kind: BATCH_SCATTER_WITH_INPUT_SHAPE target_name: "double" source_input: "x" } ]
${ONE_INSTANCE}dynamic_batching { preferred_batch_size: [3] max_queue_delay_microseconds: 500000 }\n`,
    python: { code: PYTHON },
    onnx: { graphs: { "1": GRAPH } },
  },
];
