import { castElements, elementCount, type TensorData, type TensorSpec } from "@strainflow/series";
import { invalidRequest } from "../errors.ts";
import type { InputValue, RequestTensor } from "../request.ts";

/**
 * Tensors from what a model is given: whole tensors as they are; elements alone with the model's datatype and shape.
 *
 * @throws `invalid-request` for an input that the model does not have, or elements whose shape cannot be told
 */
export function requestTensors(
  modelName: string,
  specs: readonly TensorSpec[],
  values: Readonly<Record<string, InputValue>>,
): Record<string, RequestTensor> {
  const tensors: Record<string, RequestTensor> = {};
  for (const [name, value] of Object.entries(values)) {
    if (isTensor(value)) {
      tensors[name] = value;
      continue;
    }
    const spec = specs.find((each) => each.name === name);
    if (spec === undefined)
      throw invalidRequest(
        `model "${modelName}" has no input "${name}"; its inputs are ${specs.map((each) => each.name).join(", ")}`,
        { modelName, input: name },
      );
    tensors[name] = tensorOf(modelName, spec, value);
  }
  return tensors;
}

function isTensor(value: InputValue): value is RequestTensor {
  return "datatype" in value;
}

function tensorOf(modelName: string, spec: TensorSpec, value: TensorData | readonly string[]): RequestTensor {
  const { datatype } = spec;
  const shape = shapeOf(modelName, spec, value.length);
  if (ArrayBuffer.isView(value)) {
    const isFloat = value instanceof Float32Array || value instanceof Float64Array;
    const halved = isFloat && (datatype === "FP16" || datatype === "BF16");
    return { datatype, shape, data: halved ? castElements(datatype, value) : value };
  }
  if (datatype !== "BYTES")
    throw invalidRequest(
      `input "${spec.name}" of model "${modelName}" is of ${datatype}; it was given an array of strings`,
      { modelName, input: spec.name, datatype },
    );
  return { datatype, shape, data: value };
}

function shapeOf(modelName: string, spec: TensorSpec, count: number): readonly number[] {
  const open = spec.shape.filter((size) => size < 0).length;
  const rest = elementCount(spec.shape.filter((size) => size >= 0));
  const size = open === 1 ? count / rest : 1;
  if (open > 1 || !Number.isInteger(size) || (open === 0 && rest !== count))
    throw invalidRequest(
      `input "${spec.name}" of model "${modelName}" is [${spec.shape.join(", ")}], ` +
        `which ${count} elements ${open > 1 ? "do not settle" : "do not fill"}; give a tensor with its shape`,
      { modelName, input: spec.name, shape: spec.shape },
    );
  return spec.shape.map((each) => (each < 0 ? size : each));
}
