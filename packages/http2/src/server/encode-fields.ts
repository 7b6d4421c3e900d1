import { invalidOption } from "@strainflow/series";
import { isFieldName, isFieldValue } from "../field-rules.ts";
import type { Header } from "../headers.ts";
import { encodeHeaders } from "../hpack/encoder.ts";

/**
 * A header section of an answer, or its trailers, as bytes. They refer to nothing that was sent before, so that they can be
 * made once and sent again on any stream.
 *
 * @param headers pseudo-headers first; names in lower case
 * @throws `invalid-option` for fields that a client would take for the end of the connection
 */
export function encodeFields(headers: readonly Header[]): Uint8Array {
  for (const [name, value] of headers) {
    if (!name.startsWith(":") && !isFieldName(name))
      throw invalidOption("encodeFields", "headers", name, "names of HTTP fields, in lower case");
    if (!isFieldValue(value))
      throw invalidOption("encodeFields", `headers["${name}"]`, "no text of one line", "printable");
  }
  return encodeHeaders(headers);
}
