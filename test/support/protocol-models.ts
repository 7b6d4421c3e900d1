import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Datatypes that Triton's python backend carries (BF16 it does not), with the names that configurations have for them. */
export const ECHOED = [
  "BOOL",
  "UINT8",
  "UINT16",
  "UINT32",
  "UINT64",
  "INT8",
  "INT16",
  "INT32",
  "INT64",
  "FP16",
  "FP32",
  "FP64",
  "BYTES",
] as const;

const typeName = (datatype: string): string => `TYPE_${datatype === "BYTES" ? "STRING" : datatype}`;

const ECHO_TENSORS = ECHOED.map(
  (datatype) =>
    `input { name: "in_${datatype}" data_type: ${typeName(datatype)} dims: [-1] optional: true }\n` +
    `output { name: "out_${datatype}" data_type: ${typeName(datatype)} dims: [-1] }`,
).join("\n");

interface ProtocolModel {
  readonly config: string;
  readonly python: string;
}

const MODELS: Readonly<Record<string, ProtocolModel>> = {
  /** Gives each input back. */
  echo: {
    config: ECHO_TENSORS,
    python: `
    def execute(self, requests):
        return [pb.InferenceResponse([pb.Tensor("out" + t.name()[2:], t.as_numpy()) for t in r.inputs()]) for r in requests]
`,
  },
  /** Takes as long as it is told, and says what it was given beside its input. */
  slow: {
    config: `input { name: "ms" data_type: TYPE_INT32 dims: [1] }
output { name: "timeout" data_type: TYPE_INT64 dims: [1] } output { name: "parameters" data_type: TYPE_STRING dims: [1] }
dynamic_batching { priority_levels: 3 default_priority_level: 2 } max_batch_size: 4`,
    python: `
    def execute(self, requests):
        out = []
        for r in requests:
            ms = pb.get_input_tensor_by_name(r, "ms").as_numpy()
            time.sleep(float(ms.ravel()[0]) / 1000)
            out.append(pb.InferenceResponse([
                pb.Tensor("timeout", np.array([[r.timeout()]], dtype=np.int64)),
                pb.Tensor("parameters", np.array([[r.parameters()]], dtype=np.object_))]))
        return out
`,
  },
  /** Counts down from n, one response each; an error below 0. */
  countdown: {
    config: `model_transaction_policy { decoupled: true }
input { name: "n" data_type: TYPE_INT32 dims: [1] } output { name: "i" data_type: TYPE_INT32 dims: [1] }`,
    python: `
    def execute(self, requests):
        for r in requests:
            n = int(pb.get_input_tensor_by_name(r, "n").as_numpy()[0])
            sender = r.get_response_sender()
            if n < 0:
                sender.send(pb.InferenceResponse(error=pb.TritonError("it is below zero")), flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
                continue
            for i in range(n, 0, -1):
                sender.send(pb.InferenceResponse([pb.Tensor("i", np.array([i], dtype=np.int32))]))
            sender.send(flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
`,
  },
  /** The sum of what a sequence has brought since its start. */
  sum: {
    config: `sequence_batching { max_sequence_idle_microseconds: 60000000
control_input { name: "START" control { kind: CONTROL_SEQUENCE_START int32_false_true: [0, 1] } } }
input { name: "x" data_type: TYPE_FP64 dims: [1] } output { name: "sum" data_type: TYPE_FP64 dims: [1] }`,
    python: `
    def execute(self, requests):
        out = []
        for r in requests:
            if pb.get_input_tensor_by_name(r, "START").as_numpy().ravel()[0]:
                self.sum = 0.0
            self.sum += pb.get_input_tensor_by_name(r, "x").as_numpy()[0]
            out.append(pb.InferenceResponse([pb.Tensor("sum", np.array([self.sum], dtype=np.float64))]))
        return out
`,
  },
};

const CONTROL = "instance_group { count: 1 kind: KIND_CPU }";

/** Writes models for the python backend that show what the protocol carries. */
export async function writeProtocolModels(repository: string): Promise<void> {
  for (const [name, { config, python }] of Object.entries(MODELS)) {
    await mkdir(join(repository, name, "1"), { recursive: true });
    await writeFile(
      join(repository, name, "config.pbtxt"),
      `name: "${name}" backend: "python"\n${config}\n${CONTROL}\n`,
    );
    await writeFile(
      join(repository, name, "1", "model.py"),
      `import time\nimport numpy as np\nimport triton_python_backend_utils as pb\n\nclass TritonPythonModel:${python}`,
    );
  }
}
