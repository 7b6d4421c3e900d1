import type { Datatype, Tensor, TensorData } from "@strainflow/series";
import { ELEMENT_SIZE } from "./datatypes.ts";
import type { RawTensor } from "./raw-tensor.ts";
import { joinTexts, splitTexts } from "./text-tensors.ts";

/** The bytes of a tensor, as a view; those of BYTES are put together. */
export function toRaw(tensor: Tensor): RawTensor {
  const { datatype, shape, data } = tensor;
  if (!ArrayBuffer.isView(data)) return { datatype, shape, data: joinTexts(data), movable: true };
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
  const size = ELEMENT_SIZE[datatype];
  const data = size > 1 && bytes.byteOffset % size !== 0 ? new Uint8Array(bytes) : bytes;
  const { buffer, byteOffset } = data;
  const length = size === 0 ? 0 : Math.floor(data.byteLength / size);
  switch (datatype) {
    case "BOOL":
    case "UINT8":
      return new Uint8Array(buffer, byteOffset, length);
    case "INT8":
      return new Int8Array(buffer, byteOffset, length);
    case "UINT16":
    case "FP16":
    case "BF16":
      return new Uint16Array(buffer, byteOffset, length);
    case "INT16":
      return new Int16Array(buffer, byteOffset, length);
    case "UINT32":
      return new Uint32Array(buffer, byteOffset, length);
    case "INT32":
      return new Int32Array(buffer, byteOffset, length);
    case "UINT64":
      return new BigUint64Array(buffer, byteOffset, length);
    case "INT64":
      return new BigInt64Array(buffer, byteOffset, length);
    case "FP32":
      return new Float32Array(buffer, byteOffset, length);
    case "FP64":
      return new Float64Array(buffer, byteOffset, length);
    case "BYTES":
      return splitTexts(bytes);
  }
}
