import type { JsonValue } from "@bufbuild/protobuf";
import { Refusal } from "../refusal.ts";
import { JSON_TEXTS } from "../watching/control-settings.ts";

/** Triton's names, and values also where they are the default. */
export const JSON_STYLE = { useProtoFieldName: true, alwaysEmitImplicit: true } as const;

/** 64-bit integers as numbers, as Triton writes them; protobuf's JSON has them as strings. Versions stay strings. */
export function toNumbers(value: JsonValue, key = ""): JsonValue {
  if (Array.isArray(value)) return value.map((item) => toNumbers(item, key));
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, toNumbers(item, name)]));
  const text = typeof value === "string" && /^-?[0-9]{1,19}$/.test(value);
  const keep = key === "version" || key === "versions" || key === "name" || key === "string_value";
  return text && !keep ? Number(value) : value;
}

export type JsonObject = Readonly<Record<string, JsonValue>>;

/** @throws Refusal (INTERNAL), as Triton has it, if the text is no JSON object */
export function parseJsonObject(text: string): JsonObject {
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    const why = text.trim() === "" ? "The document is empty. at 0" : "Invalid value. at 1";
    throw new Refusal("INTERNAL", `failed to parse the request JSON buffer: ${why}`);
  }
  return asObject(value);
}

/** @throws Refusal (INTERNAL) */
export function asObject(value: JsonValue | undefined): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Refusal("INTERNAL", "attempt to access JSON non-object as object");
  return value;
}

/** @throws Refusal (INTERNAL) */
export function asString(value: JsonValue | undefined): string {
  if (typeof value !== "string") throw JSON_TEXTS.notString("");
  return value;
}

/** @throws Refusal (INTERNAL) */
export function asUnsigned(value: JsonValue | undefined): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0) throw JSON_TEXTS.notUnsigned("");
  return value;
}
