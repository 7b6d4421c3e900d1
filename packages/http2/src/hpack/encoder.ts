import type { Header } from "../headers.ts";
import { staticField, staticName } from "./static-table.ts";

/** Values that no one on the way should keep in a table. */
const SECRET: ReadonlySet<string> = new Set(["authorization", "proxy-authorization", "cookie"]);

const WITHOUT_INDEXING = 0;
const NEVER_INDEXED = 0x10;
const INDEXED = 0x80;

/** Says that this side uses no table: so none of the other's limits on it is ever exceeded. Once, at the first block's start. */
export const NO_TABLE: Buffer = Buffer.from([0x20]);

/**
 * A header block that refers to nothing but the static table: it means the same wherever it stands, and can be sent again.
 * Long streams have one each; what a table would save of them is nothing.
 */
export function encodeHeaders(headers: Iterable<Header>): Buffer {
  const bytes: number[] = [];
  for (const [name, value] of headers) {
    const known = staticField(name, value);
    if (known > 0) {
      integer(bytes, INDEXED, 7, known);
      continue;
    }
    const index = staticName(name);
    integer(bytes, SECRET.has(name) ? NEVER_INDEXED : WITHOUT_INDEXING, 4, index);
    if (index === 0) string(bytes, name);
    string(bytes, value);
  }
  return Buffer.from(bytes);
}

function integer(target: number[], first: number, prefixBits: number, value: number): void {
  const mask = 2 ** prefixBits - 1;
  if (value < mask) {
    target.push(first | value);
    return;
  }
  target.push(first | mask);
  let rest = value - mask;
  while (rest >= 128) {
    target.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  target.push(rest);
}

function string(target: number[], text: string): void {
  const bytes = Buffer.from(text, "latin1");
  integer(target, 0, 7, bytes.length);
  for (const byte of bytes) target.push(byte);
}
