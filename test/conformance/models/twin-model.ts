/** A model as both servers get it: the same name and tensors, in Python for one and in ONNX for the other. */
export interface TwinModel {
  readonly name: string;
  /** `config.pbtxt` without name, platform and backend. */
  readonly config: string;
  /** What only Triton's python backend needs, and the body of its class. Absent for ensembles. */
  readonly python?: { readonly config?: string; readonly code: string };
  /** What only the embedded server needs, and its graphs by version; none for native models. */
  readonly onnx?: { readonly config?: string; readonly graphs: Readonly<Record<string, Uint8Array>> };
  /** Further files, in both. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** Versions of the python model; what differs between them it reads from its arguments. Default `["1"]`. */
  readonly versions?: readonly string[];
}

type Kind = "BOOL" | "UINT8" | "UINT16" | "UINT32" | "UINT64" | "INT8" | "INT16" | "INT32" | "INT64";
export type ConfigType = Kind | "FP16" | "FP32" | "FP64" | "STRING" | "BF16";

const tensors = (
  ports: Readonly<Record<string, readonly [ConfigType, readonly number[], string?]>>,
): string =>
  Object.entries(ports)
    .map(
      ([name, [type, dims, extra = ""]]) =>
        `{ name: "${name}" data_type: TYPE_${type} dims: [${dims.join(", ")}] ${extra} }`,
    )
    .join(", ");

/** `input` and `output` of a configuration. */
export function io(
  inputs: Readonly<Record<string, readonly [ConfigType, readonly number[]]>>,
  outputs: Readonly<Record<string, readonly [ConfigType, readonly number[], string?]>>,
): string {
  return `input [ ${tensors(inputs)} ]\noutput [ ${tensors(outputs)} ]\n`;
}

/** A python model that answers each request by `answer(self, x)`, which takes and gives arrays by name. */
export function pythonModel(body: string, prepare = "pass"): string {
  return `
import json, time
import numpy as np
import triton_python_backend_utils as pb

class TritonPythonModel:
    def initialize(self, args):
        ${prepare}

${body
  .trim()
  .split("\n")
  .map((line) => `    ${line}`)
  .join("\n")}

    def execute(self, requests):
        responses = []
        for request in requests:
            arrays = {t.name(): t.as_numpy() for t in request.inputs()}
            made = self.answer(arrays)
            wanted = set(request.requested_output_names())
            responses.append(pb.InferenceResponse(
                [pb.Tensor(name, np.ascontiguousarray(value)) for name, value in made.items() if name in wanted]))
        return responses
`;
}

export const ONE_INSTANCE = "instance_group [ { count: 1 kind: KIND_CPU } ]\n";
