import type { Header } from "../headers.ts";

/* What a response may look like. https://www.rfc-editor.org/rfc/rfc9113#section-8 */

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

/** The status of a response; nothing where the section is none of a response. */
export function responseStatus(headers: readonly Header[]): number | undefined {
  const [first, ...others] = headers;
  if (first === undefined || first[0] !== ":status" || !/^[1-9]\d\d$/.test(first[1])) return undefined;
  return others.some(([name]) => name.startsWith(":")) ? undefined : Number(first[1]);
}

/** Bytes that a response says it has; nothing where it does not say. */
export function announcedSize(headers: readonly Header[]): number | undefined {
  const length = headers.find(([name]) => name === "content-length")?.[1];
  return length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}
