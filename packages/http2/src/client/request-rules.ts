import { invalidOption } from "@strainflow/series";
import { isFieldName } from "../field-rules.ts";
import type { Header } from "../headers.ts";

const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** @throws `invalid-option` for fields that the other side would take for the end of the connection */
export function checkRequest(headers: readonly Header[]): void {
  for (const [name, value] of headers) {
    if (!name.startsWith(":") && !isFieldName(name))
      throw invalidOption("request", "headers", JSON.stringify(name), "names of HTTP fields, in lower case");
    if (!VALUE.test(value))
      throw invalidOption(
        "request",
        `headers["${name}"]`,
        "no text of one line",
        "printable, without line breaks",
      );
  }
}
