// What the example of event tables needs that your own programs have: events, and a model for them.
import type { EventColumn, WrittenEvent } from "@strainflow/hdf5";
import { createGraph, createRepository, parseConfig } from "@strainflow/repository";

/** The columns that the model takes; ids as INT64, whatever they are in the file. */
export const eventColumns: Readonly<Record<string, readonly (string | EventColumn)[]>> = {
  hit_table: [{ column: "local_plane", datatype: "INT64" }, "integral"],
  spacepoint_table: [{ column: "hit_id", parts: ["u", "v", "y"], datatype: "INT64" }],
};

/** Plane of a hit on which the Python model hangs, as one with a bug would. */
export const HANGING_PLANE = 99;

/** Events of a wire chamber with three planes: hits, and points in space where hits of several planes meet. */
export function seededEvents(count: number, bad: { readonly refused?: number } = {}): WrittenEvent[] {
  let state = 20_260_101;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  return Array.from({ length: count }, (_, index) => {
    const hits = 20 + random(400);
    const points = random(hits);
    const hitId = Int32Array.from({ length: 3 * points }, () => random(hits + 20) - 20);
    // A point of a hit that is not there: what a broken reconstruction writes.
    if (index === bad.refused) hitId[0] = hits + 7;
    return {
      id: [1, index >> 5, index] as const,
      tables: {
        hit_table: {
          hit_id: Int32Array.from({ length: hits }, (_, n) => n),
          local_plane: Int32Array.from({ length: hits }, () => random(3)),
          integral: Float32Array.from({ length: hits }, () => 1 + random(1000) / 8),
        },
        spacepoint_table: {
          // −1 where a plane has no hit.
          hit_id: { parts: 3, data: hitId.map((id) => Math.max(id, -1)) },
        },
      },
    };
  });
}

const TENSORS = `
input [
  { name: "hit_table_local_plane" data_type: TYPE_INT64 dims: [-1] },
  { name: "hit_table_integral" data_type: TYPE_FP32 dims: [-1] },
  { name: "spacepoint_table_hit_id_u" data_type: TYPE_INT64 dims: [-1] },
  { name: "spacepoint_table_hit_id_v" data_type: TYPE_INT64 dims: [-1] },
  { name: "spacepoint_table_hit_id_y" data_type: TYPE_INT64 dims: [-1] }
]
output [
  { name: "plane_charge" data_type: TYPE_FP32 dims: [3] },
  { name: "spacepoint_charge" data_type: TYPE_FP32 dims: [-1] }
]
`;

const PROGRAM = `
import time
import numpy as np
import triton_python_backend_utils as pb

class TritonPythonModel:
    """Charge per plane, and per point in space: what its hits have together."""

    def answer(self, tables):
        plane, charge = tables["hit_table_local_plane"], tables["hit_table_integral"]
        if (plane == ${HANGING_PLANE}).any():
            time.sleep(20)
        planes = np.array([charge[plane == p].sum() for p in range(3)], np.float32)
        points = np.zeros(len(tables["spacepoint_table_hit_id_u"]), np.float32)
        for part in "uvy":
            ids = tables["spacepoint_table_hit_id_" + part]
            points[ids >= 0] += charge[ids[ids >= 0]]
        return {"plane_charge": planes, "spacepoint_charge": points}

    def execute(self, requests):
        responses = []
        for request in requests:
            tables = {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}
            try:
                outputs = [pb.Tensor(name, value) for name, value in self.answer(tables).items()]
                responses.append(pb.InferenceResponse(outputs))
            except Exception as error:
                responses.append(pb.InferenceResponse(error=pb.TritonError(str(error))))
        return responses
`;

/** Puts the model `event-graph` into a repository: for Triton's python backend, or as ONNX for the embedded server. */
export async function writeEventModel(folder: string, backend: "python" | "onnx"): Promise<void> {
  const repository = await createRepository(folder);
  const runs = backend === "python" ? 'backend: "python"' : 'platform: "onnxruntime_onnx"';
  await repository.add({
    config: parseConfig(
      `name: "event-graph"\n${runs}\n${TENSORS}instance_group [{ count: 2 kind: KIND_CPU }]`,
    ),
    files: backend === "python" ? { "1/model.py": PROGRAM } : { "1/model.onnx": graph() },
  });
}

function graph(): Uint8Array {
  const made = createGraph("event-graph");
  const plane = made.input("hit_table_local_plane", "INT64", ["hits"]);
  const charge = made.input("hit_table_integral", "FP32", ["hits"]);
  const toFloat = { to: 1 };

  const planes = made.constant(BigInt64Array.of(0n, 1n, 2n), [3, 1]);
  const inPlane = made.op("Cast", [made.op("Equal", [planes, plane])], toFloat);
  const perPlane = made.op("ReduceSum", [made.op("Mul", [inPlane, charge]), made.ints([1])], { keepdims: 0 });
  made.output("plane_charge", perPlane, "FP32", [3]);

  const parts = ["u", "v", "y"].map((part) => {
    const id = made.input(`spacepoint_table_hit_id_${part}`, "INT64", ["points"]);
    const isThere = made.op("Cast", [made.op("GreaterOrEqual", [id, made.int(0)])], toFloat);
    const found = made.op("Gather", [charge, made.op("Max", [id, made.int(0)])]);
    return made.op("Mul", [found, isThere]);
  });
  const perPoint = made.op("Add", [made.op("Add", [parts[0], parts[1]]), parts[2]]);
  made.output("spacepoint_charge", perPoint, "FP32", ["points"]);
  return made.toBytes();
}
