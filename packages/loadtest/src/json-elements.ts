import { castElements, type Datatype, type TensorData, zeroElements } from "@strainflow/series";
import { inputError } from "./model-inputs.ts";

/**
 * Elements from what JSON has for them: a flat or nested list, one element alone, or base64 of their bytes.
 *
 * @throws `loadtest-input` for what the datatype does not hold
 */
export function tensorElements(
  datatype: Datatype,
  value: unknown,
  base64: boolean,
  where: string,
): TensorData {
  if (base64) {
    if (typeof value !== "string") throw inputError(`${where}: b64 is no text`);
    return fromBytes(datatype, Buffer.from(value, "base64"), where);
  }
  const flat: readonly unknown[] = Array.isArray(value) ? value.flat(Number.POSITIVE_INFINITY) : [value];
  if (datatype === "BYTES")
    return flat.map((each) => {
      if (typeof each !== "string")
        throw inputError(`${where}: BYTES takes texts, and it has ${JSON.stringify(each)}`);
      return new Uint8Array(Buffer.from(each, "utf8"));
    });
  if (datatype === "INT64" || datatype === "UINT64") {
    const whole = flat.map((each) => {
      if (typeof each === "number" && Number.isSafeInteger(each)) return BigInt(each);
      if (typeof each === "string" && /^-?\d+$/.test(each)) return BigInt(each);
      throw inputError(
        `${where}: ${datatype} takes whole numbers (as text beyond 2^53), and it has ${JSON.stringify(each)}`,
      );
    });
    return datatype === "INT64" ? BigInt64Array.from(whole) : BigUint64Array.from(whole);
  }
  const isFloat = ["FP16", "BF16", "FP32", "FP64"].includes(datatype);
  const numbers = Float64Array.from(flat, (each) => {
    const number = typeof each === "boolean" && datatype === "BOOL" ? Number(each) : each;
    if (typeof number !== "number" || (!isFloat && !Number.isInteger(number)))
      throw inputError(`${where}: ${datatype} does not hold ${JSON.stringify(each)}`);
    return number;
  });
  const data = castElements(datatype, numbers);
  const lost =
    isFloat || datatype === "BOOL" || data.length === 0 ? -1 : numbers.findIndex((n, i) => n !== data[i]);
  if (lost >= 0) throw inputError(`${where}: ${datatype} does not hold ${numbers[lost]}`);
  return data;
}

function fromBytes(datatype: Datatype, bytes: Uint8Array, where: string): TensorData {
  if (datatype === "BYTES") return [new Uint8Array(bytes)];
  const one = zeroElements(datatype, 1);
  const size = ArrayBuffer.isView(one) ? one.BYTES_PER_ELEMENT : 1;
  if (bytes.length % size !== 0)
    throw inputError(`${where}: ${bytes.length} bytes are no whole number of ${datatype} elements`);
  const data = zeroElements(datatype, bytes.length / size);
  if (ArrayBuffer.isView(data)) new Uint8Array(data.buffer).set(bytes);
  return data;
}
