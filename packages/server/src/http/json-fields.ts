import { randomUUID } from "node:crypto";
import { Refusal } from "../refusal.ts";

/*
 * JSON of requests, read as Triton reads it: what is not as it should be is named in its words. Whole numbers beyond
 * what a JavaScript number holds come as bigints.
 */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonFields = { readonly [key: string]: Json };

/** Stands before the digits of a number that is too long for JavaScript's own parser. No client can guess it. */
const LONG = `${randomUUID()}:`;
const LONG_NUMBER = /(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/;
const LONG_NUMBERS = /"(?:[^"\\]|\\.)*"|(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g;

/** @throws Refusal (INTERNAL) if the text is no JSON */
export function parseJson(text: string): Json {
  // Looked for first: to replace what most texts have none of would copy them, and fractions are often as long.
  const long = LONG_NUMBER.test(text);
  const marked = long
    ? text.replace(LONG_NUMBERS, (token) => (token.startsWith('"') ? token : `"${LONG}${fitting(token)}"`))
    : text;
  try {
    return JSON.parse(marked) as Json;
  } catch (cause) {
    const why =
      text.trim() === "" ? "The document is empty. at 0" : cause instanceof Error ? cause.message : "";
    throw new Refusal("INTERNAL", `failed to parse the request JSON buffer: ${why.replaceAll(LONG, "")}`, {
      cause,
    });
  }
}

/** Digits of the largest number that there is in floating point. */
const MOST_DIGITS = 309;

/** The same digits, unless they are a number that no type holds: to read them would take long. @throws Refusal (INTERNAL) */
function fitting(digits: string): string {
  if (digits.length > MOST_DIGITS + 1 || !Number.isFinite(Number(digits))) throw tooBig();
  return digits;
}

function tooBig(): Refusal {
  return new Refusal(
    "INTERNAL",
    "failed to parse the request JSON buffer: Number too big to be stored in double.",
  );
}

function unable(name: string, why: string): Refusal {
  return new Refusal("INTERNAL", `Unable to parse '${name}': ${why}`);
}

/** A member that must be there. @throws Refusal (INTERNAL) */
export function member(fields: JsonFields, name: string): Json {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (value === undefined) throw unable(name, `attempt to access non-existing object member '${name}'`);
  return value;
}

/** The members of a value; of one that is no object, none. */
export function fieldsOf(value: Json | undefined): JsonFields {
  return isFields(value) ? value : {};
}

export function isFields(value: Json | undefined): value is JsonFields {
  return typeof value === "object" && value !== null && !isList(value);
}

export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** @throws Refusal (INTERNAL) */
export function listOf(value: Json, name: string): readonly Json[] {
  if (!isList(value)) throw unable(name, "attempt to access JSON non-array as array");
  return value;
}

/** @throws Refusal (INTERNAL) */
export function textOf(value: Json, name: string): string {
  if (!isText(value)) throw unable(name, "attempt to access JSON non-string as string");
  return value;
}

function isText(value: Json): value is string {
  return typeof value === "string" && !value.startsWith(LONG);
}

/** @throws Refusal (INTERNAL) */
export function booleanOf(value: Json, name: string): boolean {
  if (typeof value !== "boolean") throw unable(name, "attempt to access JSON non-boolean as boolean");
  return value;
}

/** @throws Refusal (INTERNAL) */
export function numberOf(value: Json, name: string): number {
  const number = typeof value === "string" ? wholeNumber(value) : value;
  if (typeof number === "bigint") return Number(number);
  if (typeof number !== "number") throw unable(name, "attempt to access JSON non-number as double");
  if (!Number.isFinite(number)) throw tooBig();
  return number;
}

/** A whole number; `undefined` for anything else. */
export function wholeNumber(value: Json): bigint | undefined {
  if (typeof value === "string") return value.startsWith(LONG) ? BigInt(value.slice(LONG.length)) : undefined;
  return typeof value === "number" && Number.isInteger(value) ? BigInt(value) : undefined;
}

/** A whole number of at most 64 bits. @throws Refusal (INTERNAL) */
export function integerOf(value: Json, name: string, unsigned: boolean): bigint {
  const number = wholeNumber(value);
  const fits =
    number !== undefined && (unsigned ? BigInt.asUintN(64, number) : BigInt.asIntN(64, number)) === number;
  const kind = unsigned ? "unsigned" : "signed";
  if (!fits) throw unable(name, `attempt to access JSON non-${kind}-integer as ${kind}-integer`);
  return number;
}
