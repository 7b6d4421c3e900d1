import {
  bfloat16Bits,
  type Datatype,
  float16Bits,
  fromBfloat16Bits,
  fromFloat16Bits,
  type Tensor,
  type TensorData,
} from "@strainflow/series";
import { fromBase64 } from "../codec.ts";

const RANGES: Readonly<Partial<Record<Datatype, readonly [bigint, bigint]>>> = {
  BOOL: [0n, 1n],
  UINT8: [0n, 255n],
  UINT16: [0n, 65_535n],
  UINT32: [0n, 2n ** 32n - 1n],
  UINT64: [0n, 2n ** 64n - 1n],
  INT8: [-128n, 127n],
  INT16: [-32_768n, 32_767n],
  INT32: [-(2n ** 31n), 2n ** 31n - 1n],
  INT64: [-(2n ** 63n), 2n ** 63n - 1n],
};

/** Elements as JSON has them; what a JSON number cannot hold as a string. */
export function elementsToJson({ datatype, data }: Tensor): unknown[] {
  const values =
    data instanceof Uint16Array && datatype === "FP16"
      ? fromFloat16Bits(data)
      : data instanceof Uint16Array && datatype === "BF16"
        ? fromBfloat16Bits(data)
        : data;
  return Array.from(values as ArrayLike<number | bigint | Uint8Array>, (value) => {
    if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
    if (typeof value === "bigint")
      return value >= -(2n ** 53n) && value <= 2n ** 53n ? Number(value) : String(value);
    return Number.isFinite(value) ? value : String(value);
  });
}

/** @throws `Error` that names the first element that does not fit */
export function elementsFromJson(datatype: Datatype, list: readonly unknown[]): TensorData {
  switch (datatype) {
    case "BYTES":
      return list.map((text) => fromBase64(text, "an element of BYTES"));
    case "FP64":
      return Float64Array.from(list, real);
    case "FP32":
      return Float32Array.from(list, real);
    case "FP16":
      return float16Bits(Float64Array.from(list, real));
    case "BF16":
      return bfloat16Bits(Float64Array.from(list, real));
    case "UINT64":
      return BigUint64Array.from(list.map((value, i) => whole(datatype, value, i)));
    case "INT64":
      return BigInt64Array.from(list.map((value, i) => whole(datatype, value, i)));
    default: {
      const numbers = list.map((value, i) =>
        Number(whole(datatype, value === true ? 1 : value === false ? 0 : value, i)),
      );
      if (datatype === "INT8") return Int8Array.from(numbers);
      if (datatype === "INT16") return Int16Array.from(numbers);
      if (datatype === "INT32") return Int32Array.from(numbers);
      if (datatype === "UINT16") return Uint16Array.from(numbers);
      return datatype === "UINT32" ? Uint32Array.from(numbers) : Uint8Array.from(numbers);
    }
  }
}

function real(value: unknown, index: number): number {
  if (typeof value === "number") return value;
  if (value === "NaN" || value === "Infinity" || value === "-Infinity" || value === "-0")
    return Number(value);
  throw new TypeError(`element ${index} is ${JSON.stringify(value)}, not a number`);
}

function whole(datatype: Datatype, value: unknown, index: number): bigint {
  const [least, most] = RANGES[datatype] ?? [0n, 0n];
  const readable =
    typeof value === "number"
      ? Number.isSafeInteger(value)
      : typeof value === "string" && /^-?\d{1,20}$/.test(value);
  const number = readable ? BigInt(value as number | string) : undefined;
  if (number === undefined || number < least || number > most)
    throw new RangeError(`element ${index} is ${JSON.stringify(value)}, no ${datatype}`);
  return number;
}
