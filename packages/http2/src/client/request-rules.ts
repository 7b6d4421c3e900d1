import { invalidOption } from "@strainflow/series";
import { isFieldName, isFieldValue } from "../field-rules.ts";
import type { Header } from "../headers.ts";

/** @throws `invalid-option` for fields that the other side would take for the end of the connection */
export function checkRequest(headers: readonly Header[]): void {
  for (const [name, value] of headers) {
    if (!name.startsWith(":") && !isFieldName(name))
      throw invalidOption("request", "headers", JSON.stringify(name), "names of HTTP fields, in lower case");
    if (!isFieldValue(value))
      throw invalidOption(
        "request",
        `headers["${name}"]`,
        "no text of one line",
        "printable, without line breaks",
      );
  }
}
