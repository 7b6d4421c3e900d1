import type { Header } from "./headers.ts";

/* What fields may look like, of requests and responses. https://www.rfc-editor.org/rfc/rfc9113#section-8.2 */

/** Of an HTTP/1.1 connection; HTTP/2 has none. */
const OF_CONNECTION: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

export function isFieldName(name: string): boolean {
  return NAME.test(name);
}

const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Whether a value is one that others take for one: what comes is judged less strictly than what is sent. */
export function isFieldValue(value: string): boolean {
  return VALUE.test(value);
}

const BROKEN_VALUE = /[\0\r\n]/;

/** Why fields are not what a header section holds; nothing where they are. */
export function fieldProblem(headers: readonly Header[]): string | undefined {
  for (const [name, value] of headers) {
    if (name.startsWith(":")) continue;
    if (!NAME.test(name)) return `a field has the name ${JSON.stringify(name)}`;
    if (OF_CONNECTION.has(name)) return `the field "${name}" is not HTTP/2's`;
    if (BROKEN_VALUE.test(value)) return `the field "${name}" holds a line break`;
  }
  return undefined;
}

/** Bytes that a message says it has; nothing where it does not say. */
export function announcedSize(headers: readonly Header[]): number | undefined {
  const length = headers.find(([name]) => name === "content-length")?.[1];
  return length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}
