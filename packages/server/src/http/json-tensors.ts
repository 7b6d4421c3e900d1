import { type Datatype, joinByteStrings, splitByteStrings } from "@strainflow/series";
import { invalid, Refusal } from "../refusal.ts";
import { elements } from "../tensors/tensor-bytes.ts";
import { booleanOf, integerOf, isList, type Json, numberOf } from "./json-fields.ts";

/** Data is nested no deeper than its rank. */
const MAX_DEPTH = 64;

/** The elements of nested lists, one behind the other. @throws Refusal */
export function flatten(value: Json): readonly Json[] {
  // Most are flat as they come; millions of elements are not held twice.
  if (isList(value) && !value.some(isList)) return value;
  return gather(value, [], 0);
}

function gather(value: Json, into: Json[], depth: number): Json[] {
  if (!isList(value)) into.push(value);
  else if (depth > MAX_DEPTH) throw invalid("'data' is nested too deep");
  else for (const item of value) gather(item, into, depth + 1);
  return into;
}

/** The bytes of a tensor's elements. @throws Refusal for elements of another kind, in Triton's words */
export function tensorOfJson(input: string, datatype: Datatype, values: readonly Json[]): Uint8Array {
  const array = arrayOf(input, datatype, values);
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** Puts elements in one by one: `from` would first make a list of them all. */
function fill<E, A extends { [index: number]: E }>(
  array: A,
  values: readonly Json[],
  of: (value: Json) => E,
): A {
  for (const [at, value] of values.entries()) array[at] = of(value);
  return array;
}

function arrayOf(input: string, datatype: Datatype, values: readonly Json[]): ArrayBufferView {
  const { length } = values;
  const number = (value: Json): number => numberOf(value, "data");
  // What does not fit into a narrow type is cut, as in Triton; a typed array does so by itself.
  const signed = (value: Json): number => narrow(value, false);
  const unsigned = (value: Json): number => narrow(value, true);
  switch (datatype) {
    case "BOOL":
      return fill(new Uint8Array(length), values, (value): number => (booleanOf(value, "data") ? 1 : 0));
    case "UINT8":
      return fill(new Uint8Array(length), values, unsigned);
    case "INT8":
      return fill(new Int8Array(length), values, signed);
    case "UINT16":
      return fill(new Uint16Array(length), values, unsigned);
    case "INT16":
      return fill(new Int16Array(length), values, signed);
    case "UINT32":
      return fill(new Uint32Array(length), values, unsigned);
    case "INT32":
      return fill(new Int32Array(length), values, signed);
    case "UINT64":
      return fill(new BigUint64Array(length), values, (value) => integerOf(value, "data", true));
    case "INT64":
      return fill(new BigInt64Array(length), values, (value) => integerOf(value, "data", false));
    case "FP32":
      return fill(new Float32Array(length), values, number);
    case "FP64":
      return fill(new Float64Array(length), values, number);
    case "BYTES":
      return joinByteStrings(values.map(textBytes));
    case "FP16":
    case "BF16":
      throw invalid(
        `receiving ${datatype} data via JSON is not supported. Please use the binary data format for input ${input}`,
      );
  }
}

/** A whole number of which the lowest 32 bits count. @throws Refusal */
function narrow(value: Json, unsigned: boolean): number {
  const small = typeof value === "number" && Number.isSafeInteger(value) && (value >= 0 || !unsigned);
  return small ? value : Number(BigInt.asIntN(32, integerOf(value, "data", unsigned)));
}

function textBytes(value: Json): Uint8Array {
  if (typeof value !== "string")
    throw new Refusal(
      "INTERNAL",
      "Unable to parse JSON bytes array: attempt to access JSON non-string as string",
    );
  return Buffer.from(value);
}

const FLOATING: ReadonlySet<Datatype> = new Set(["FP32", "FP64"]);

/** The elements of a tensor as JSON, each a text of its own. @throws Refusal for types that JSON has not */
export function jsonOfTensor(datatype: Datatype, data: Uint8Array): string[] {
  if (datatype === "FP16" || datatype === "BF16")
    throw invalid(
      `sending ${datatype} data via JSON is not supported. Please use the binary data format for output`,
    );
  if (datatype === "BYTES")
    return splitByteStrings(data).map((text) => JSON.stringify(Buffer.from(text).toString("utf8")));
  const values = elements(datatype, data);
  const texts: string[] = [];
  for (const value of values)
    if (datatype === "BOOL") texts.push(value === 0 ? "false" : "true");
    else texts.push(typeof value === "number" && FLOATING.has(datatype) ? floating(value) : String(value));
  return texts;
}

/** NaN and Infinity as Triton writes them: Python reads them, and JSON itself has no word for them. */
function floating(value: number): string {
  if (Object.is(value, -0)) return "-0.0";
  return Number.isInteger(value) && Math.abs(value) < 1e21 ? `${value}.0` : String(value);
}
