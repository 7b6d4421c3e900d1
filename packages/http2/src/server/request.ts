import { announcedSize, fieldProblem } from "../field-rules.ts";
import type { Header } from "../headers.ts";

/** What a client asks for. */
export interface Http2Request {
  readonly method: string;
  readonly path: string;
  /** All fields but the pseudo-headers, in their order. */
  readonly headers: readonly Header[];
  /** The first field of that name, which is in lower case. */
  field(name: string): string | undefined;
}

/** A request, as its header section has it. */
export class SaidRequest implements Http2Request {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly Header[];
  /** Bytes that it says its content has. */
  readonly announced: number | undefined;

  constructor(method: string, path: string, headers: readonly Header[]) {
    this.method = method;
    this.path = path;
    this.headers = headers;
    this.announced = announcedSize(headers);
  }

  field(name: string): string | undefined {
    for (const header of this.headers) if (header[0] === name) return header[1];
    return undefined;
  }
}

const PSEUDO: ReadonlySet<string> = new Set([":method", ":scheme", ":path", ":authority"]);

/**
 * A header section as a request; what is wrong with it where it is none.
 * https://www.rfc-editor.org/rfc/rfc9113#section-8.3.1
 */
export function readRequest(section: readonly Header[]): SaidRequest | string {
  const said = new Map<string, string>();
  let at = 0;
  for (; section[at]?.[0].startsWith(":"); at++) {
    const [name, value] = section[at]!;
    if (!PSEUDO.has(name) || said.has(name))
      return `the pseudo-header "${name}", which none has, or none twice`;
    said.set(name, value);
  }
  const fields = section.slice(at);
  if (fields.some(([name]) => name.startsWith(":"))) return "a pseudo-header behind other fields";
  const [method, scheme, path] = [said.get(":method"), said.get(":scheme"), said.get(":path")];
  if (method === undefined || scheme === undefined || path === undefined || path === "")
    return "no method, scheme or path";
  if (fields.some(([name, value]) => name === "te" && value !== "trailers"))
    return "the field te may say nothing but trailers";
  return fieldProblem(fields) ?? new SaidRequest(method, path, fields);
}
