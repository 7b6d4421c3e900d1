import type { Codec } from "../codec.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();

/** Any JSON value, as it is. */
export const json: Codec<unknown> = {
  name: "json",
  contentType: "application/json",
  encode: (value) => encoder.encode(jsonText(value)),
  decode: (bytes) => JSON.parse(decoder.decode(bytes)),
  toJson: (value) => {
    if (value === undefined || typeof value === "function" || typeof value === "symbol")
      throw new TypeError(`${typeof value} cannot be told in JSON; return null for nothing`);
    return value;
  },
  fromJson: (value) => value,
};

function jsonText(value: unknown): string {
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined)
    throw new TypeError(`${typeof value} cannot be told in JSON; return null for nothing`);
  return text;
}
