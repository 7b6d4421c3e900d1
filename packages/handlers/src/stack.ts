import { elementCount, type NumericArray, type Tensor } from "@strainflow/series";
import { isNumeric } from "./codecs/elements.ts";

/**
 * Tensors of one shape as one, a batch: `n × [a, b]` → `[n, a, b]`.
 *
 * @throws `TypeError` where they differ in shape or type, or are BYTES
 */
export function stackTensors(tensors: readonly Tensor[]): Tensor {
  const [first] = tensors;
  if (first === undefined) throw new TypeError("there is nothing to stack");
  const { datatype, shape } = first;
  const size = elementCount(shape);
  const data = numbersOf(first);
  const all = data.constructor as new (length: number) => typeof data;
  const stacked = new all(size * tensors.length);
  const bytes = new Uint8Array(stacked.buffer);
  for (const [i, tensor] of tensors.entries()) {
    if (tensor.datatype !== datatype || tensor.shape.join() !== shape.join())
      throw new TypeError(
        `${tensor.datatype} [${tensor.shape}] does not stack with ${datatype} [${shape}]; validate() should refuse it`,
      );
    const own = numbersOf(tensor);
    bytes.set(new Uint8Array(own.buffer, own.byteOffset, own.byteLength), i * size * own.BYTES_PER_ELEMENT);
  }
  return { datatype, shape: [tensors.length, ...shape], data: stacked };
}

/** The items of a batch: `[n, a, b]` → `n × [a, b]`, views of its elements. */
export function unstackTensor(tensor: Tensor): readonly Tensor[] {
  const [count, ...shape] = tensor.shape;
  if (count === undefined) throw new TypeError("a tensor without dimensions is no batch");
  const size = elementCount(shape);
  const data = numbersOf(tensor);
  return Array.from({ length: count }, (_, i) => ({
    datatype: tensor.datatype,
    shape,
    data: data.subarray(i * size, (i + 1) * size),
  }));
}

function numbersOf({ datatype, data }: Tensor): NumericArray {
  if (!isNumeric(datatype) || !ArrayBuffer.isView(data)) throw new TypeError(`${datatype} cannot be stacked`);
  return data;
}
