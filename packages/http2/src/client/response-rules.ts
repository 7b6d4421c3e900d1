import type { Header } from "../headers.ts";

/** The status of a response; nothing where the section is none of a response. */
export function responseStatus(headers: readonly Header[]): number | undefined {
  const [first, ...others] = headers;
  if (first === undefined || first[0] !== ":status" || !/^[1-9]\d\d$/.test(first[1])) return undefined;
  return others.some(([name]) => name.startsWith(":")) ? undefined : Number(first[1]);
}
