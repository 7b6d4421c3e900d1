import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A model `identity` for Triton's python backend, in two processes of its own: y [4] is x [4]. */
export function writeIdentity(repository: string, python: string = IDENTITY): void {
  mkdirSync(join(repository, "identity", "1"), { recursive: true });
  writeFileSync(join(repository, "identity", "config.pbtxt"), CONFIG);
  writeFileSync(join(repository, "identity", "1", "model.py"), python);
}

const CONFIG = `
backend: "python"
input [{ name: "x" data_type: TYPE_FP32 dims: [4] }]
output [{ name: "y" data_type: TYPE_FP32 dims: [4] }]
instance_group [{ kind: KIND_CPU count: 2 }]
`;

const IDENTITY = `
import triton_python_backend_utils as pb
class TritonPythonModel:
    def execute(self, requests):
        return [pb.InferenceResponse([pb.Tensor("y", pb.get_input_tensor_by_name(r, "x").as_numpy())]) for r in requests]
`;
