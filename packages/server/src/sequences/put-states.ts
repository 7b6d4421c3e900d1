import { type Datatype, ELEMENT_SIZES, splitByteStrings } from "@strainflow/series";
import type { MovedTensor, StateSpec } from "../backends/worker-messages.ts";
import { elementCountOf } from "../tensors/datatypes.ts";

/**
 * States from elsewhere in the order of a model's own. A kernel that keeps FP64 where its graph has FP32 takes either;
 * a graph takes FP64 rounded.
 *
 * @throws if one lacks, is too many, or is not of the model's type and shape
 */
export function putStates(
  specs: readonly StateSpec[],
  tensors: readonly MovedTensor[],
  wide: Datatype | undefined = undefined,
): readonly MovedTensor[] {
  const names = specs.map(({ input }) => input);
  for (const { name } of tensors)
    if (!names.includes(name))
      throw new Error(`'${name}' is no state of this model; it has ${names.join(", ")}`);
  return specs.map((spec) => {
    const found = tensors.filter(({ name }) => name === spec.input);
    const [tensor] = found;
    if (tensor === undefined || found.length > 1)
      throw new Error(`state '${spec.input}' must be given once, and is given ${found.length} times`);
    checkShape(spec, tensor);
    const target = wide ?? spec.datatype;
    if (tensor.datatype === target) return tensor;
    if (target === "FP64" && tensor.datatype === "FP32")
      return {
        ...tensor,
        datatype: target,
        buffer: Float64Array.from(new Float32Array(tensor.buffer)).buffer,
      };
    if (target === "FP32" && tensor.datatype === "FP64")
      return {
        ...tensor,
        datatype: target,
        buffer: Float32Array.from(new Float64Array(tensor.buffer)).buffer,
      };
    throw new Error(`state '${spec.input}' is ${tensor.datatype}; it must be ${target}`);
  });
}

function checkShape({ input, shape, anySize }: StateSpec, tensor: MovedTensor): void {
  const same = tensor.shape.length === shape.length && shape.every((size, at) => size === tensor.shape[at]);
  if (!(same || (anySize === true && tensor.shape.length === shape.length)))
    throw new Error(`state '${input}' is [${tensor.shape}]; it must be [${shape}]`);
  const count = elementCountOf(tensor.shape);
  const { datatype, buffer } = tensor;
  const held =
    datatype === "BYTES"
      ? splitByteStrings(new Uint8Array(buffer)).length
      : buffer.byteLength / ELEMENT_SIZES[datatype];
  if (held !== count)
    throw new Error(`state '${input}' of [${tensor.shape}] has ${count} elements, not ${held}`);
}
