import {
  type Datatype,
  joinByteStrings,
  splitByteStrings,
  type Tensor,
  type TensorData,
  viewElements,
} from "@strainflow/series";
import type { RawTensor } from "./raw-tensor.ts";

/** The bytes of a tensor, as a view; those of BYTES are put together. */
export function toRaw(tensor: Tensor): RawTensor {
  const { datatype, shape, data } = tensor;
  if (!ArrayBuffer.isView(data)) return { datatype, shape, data: joinByteStrings(data), movable: true };
  return {
    datatype,
    shape,
    data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    movable: false,
  };
}

/** A tensor over bytes, without a copy where their place in memory allows it. */
export function fromRaw(raw: RawTensor): Tensor {
  return { datatype: raw.datatype, shape: raw.shape, data: elements(raw.datatype, raw.data) };
}

/** Bytes as elements; copied if they lie askew. */
export function elements(datatype: Datatype, bytes: Uint8Array): TensorData {
  return datatype === "BYTES" ? splitByteStrings(bytes) : viewElements(datatype, bytes);
}
