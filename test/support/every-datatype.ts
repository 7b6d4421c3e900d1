import type { Tensor, TensorData } from "@strainflow/series";
import type { ECHOED } from "./protocol-models.ts";

/** Three elements of each datatype, its extremes among them. */
export const ELEMENTS: Readonly<Record<(typeof ECHOED)[number], TensorData>> = {
  BOOL: Uint8Array.of(0, 1, 1),
  UINT8: Uint8Array.of(0, 7, 255),
  UINT16: Uint16Array.of(0, 7, 65_535),
  UINT32: Uint32Array.of(0, 7, 2 ** 32 - 1),
  UINT64: BigUint64Array.of(0n, 7n, 2n ** 64n - 1n),
  INT8: Int8Array.of(-128, 7, 127),
  INT16: Int16Array.of(-32_768, 7, 32_767),
  INT32: Int32Array.of(-(2 ** 31), 7, 2 ** 31 - 1),
  INT64: BigInt64Array.of(-(2n ** 63n), 7n, 2n ** 63n - 1n),
  FP16: Uint16Array.of(0, 0x3c00, 0xfbff),
  FP32: Float32Array.of(-1.5, 1e-30, 3e38),
  FP64: Float64Array.of(-1.5, 1e-300, 1e308),
  BYTES: [Buffer.from("strain"), Buffer.from("π"), new Uint8Array(0)],
};

/** Elements as numbers, or strings as bytes. */
export const plain = ({ data }: Tensor): unknown[] =>
  ArrayBuffer.isView(data) ? [...data] : data.map((bytes) => [...bytes]);
