import { type Datatype, joinByteStrings, splitByteStrings } from "@strainflow/series";
import { invalid, Refusal } from "../refusal.ts";
import { elements } from "../tensors/tensor-bytes.ts";
import { booleanOf, integerOf, isList, type Json, numberOf } from "./json-fields.ts";

/** Data is nested no deeper than its rank. */
const MAX_DEPTH = 64;

/** The elements of nested lists, one behind the other. @throws Refusal */
export function flatten(value: Json, into: Json[] = [], depth = 0): Json[] {
  if (!isList(value)) into.push(value);
  else if (depth > MAX_DEPTH) throw invalid("'data' is nested too deep");
  else for (const item of value) flatten(item, into, depth + 1);
  return into;
}

/** The bytes of a tensor's elements. @throws Refusal for elements of another kind, in Triton's words */
export function tensorOfJson(input: string, datatype: Datatype, values: readonly Json[]): Uint8Array {
  const array = arrayOf(input, datatype, values);
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function arrayOf(input: string, datatype: Datatype, values: readonly Json[]): ArrayBufferView {
  // What does not fit into a narrow type is cut, as in Triton.
  const signed = (bits: number): number[] =>
    values.map((value) => Number(BigInt.asIntN(bits, integerOf(value, "data", false))));
  const unsigned = (bits: number): number[] =>
    values.map((value) => Number(BigInt.asUintN(bits, integerOf(value, "data", true))));
  switch (datatype) {
    case "BOOL":
      return Uint8Array.from(values, (value) => (booleanOf(value, "data") ? 1 : 0));
    case "UINT8":
      return Uint8Array.from(unsigned(8));
    case "INT8":
      return Int8Array.from(signed(8));
    case "UINT16":
      return Uint16Array.from(unsigned(16));
    case "INT16":
      return Int16Array.from(signed(16));
    case "UINT32":
      return Uint32Array.from(unsigned(32));
    case "INT32":
      return Int32Array.from(signed(32));
    case "UINT64":
      return BigUint64Array.from(values, (value) => integerOf(value, "data", true));
    case "INT64":
      return BigInt64Array.from(values, (value) => integerOf(value, "data", false));
    case "FP32":
      return Float32Array.from(values, (value) => numberOf(value, "data"));
    case "FP64":
      return Float64Array.from(values, (value) => numberOf(value, "data"));
    case "BYTES":
      return joinByteStrings(values.map(textBytes));
    case "FP16":
    case "BF16":
      throw invalid(
        `receiving ${datatype} data via JSON is not supported. Please use the binary data format for input ${input}`,
      );
  }
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
