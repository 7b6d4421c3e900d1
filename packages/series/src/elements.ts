import { bfloat16Bits, float16Bits } from "./half-precision.ts";
import {
  type Datatype,
  ELEMENT_SIZES,
  type NumericArray,
  type NumericDatatype,
  type TensorData,
} from "./tensor.ts";

/** `count` zeros of a datatype; empty strings for BYTES. */
export function zeroElements(datatype: Datatype, count: number): TensorData {
  switch (datatype) {
    case "BOOL":
    case "UINT8":
      return new Uint8Array(count);
    case "INT8":
      return new Int8Array(count);
    case "UINT16":
    case "FP16":
    case "BF16":
      return new Uint16Array(count);
    case "INT16":
      return new Int16Array(count);
    case "UINT32":
      return new Uint32Array(count);
    case "INT32":
      return new Int32Array(count);
    case "FP32":
      return new Float32Array(count);
    case "FP64":
      return new Float64Array(count);
    case "UINT64":
      return new BigUint64Array(count);
    case "INT64":
      return new BigInt64Array(count);
    case "BYTES":
      return Array.from({ length: count }, () => new Uint8Array(0));
  }
}

/**
 * Samples as elements of another datatype: to the nearest in FP16, BF16 and FP32, towards zero in whole numbers, as
 * typed arrays do. The array itself where it is of that datatype already. BOOL: whether it is not 0.
 *
 * @throws RangeError for BYTES, and for 64-bit integers from samples that are not finite
 */
export function castElements(datatype: Datatype, samples: Float32Array | Float64Array): TensorData {
  switch (datatype) {
    case "FP32":
      return samples instanceof Float32Array ? samples : Float32Array.from(samples);
    case "FP64":
      return samples instanceof Float64Array ? samples : Float64Array.from(samples);
    case "FP16":
      return float16Bits(samples);
    case "BF16":
      return bfloat16Bits(samples);
    case "BOOL":
      return Uint8Array.from(samples, (sample) => (sample === 0 ? 0 : 1));
    case "UINT8":
      return Uint8Array.from(samples);
    case "INT8":
      return Int8Array.from(samples);
    case "UINT16":
      return Uint16Array.from(samples);
    case "INT16":
      return Int16Array.from(samples);
    case "UINT32":
      return Uint32Array.from(samples);
    case "INT32":
      return Int32Array.from(samples);
    case "UINT64":
    case "INT64": {
      const whole =
        datatype === "INT64" ? new BigInt64Array(samples.length) : new BigUint64Array(samples.length);
      samples.forEach((sample, i) => {
        whole[i] = BigInt(Math.trunc(sample));
      });
      return whole;
    }
    case "BYTES":
      throw new RangeError("samples are numbers, and BYTES are strings");
  }
}

/**
 * Elements from the bytes that they travel as: row-major, little-endian. A view where the bytes' place in memory allows
 * it (it keeps alive the whole message that they lie in), a copy where they lie askew. Bytes behind the last whole
 * element are left out.
 */
export function viewElements(datatype: NumericDatatype, bytes: Uint8Array): NumericArray {
  const size = ELEMENT_SIZES[datatype];
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  const { buffer, byteOffset } = aligned;
  const count = Math.floor(aligned.byteLength / size);
  switch (datatype) {
    case "BOOL":
    case "UINT8":
      return new Uint8Array(buffer, byteOffset, count);
    case "INT8":
      return new Int8Array(buffer, byteOffset, count);
    case "UINT16":
    case "FP16":
    case "BF16":
      return new Uint16Array(buffer, byteOffset, count);
    case "INT16":
      return new Int16Array(buffer, byteOffset, count);
    case "UINT32":
      return new Uint32Array(buffer, byteOffset, count);
    case "INT32":
      return new Int32Array(buffer, byteOffset, count);
    case "FP32":
      return new Float32Array(buffer, byteOffset, count);
    case "FP64":
      return new Float64Array(buffer, byteOffset, count);
    case "UINT64":
      return new BigUint64Array(buffer, byteOffset, count);
    case "INT64":
      return new BigInt64Array(buffer, byteOffset, count);
  }
}
