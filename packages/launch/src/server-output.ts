import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

const KEPT_LINES = 20;
const KEPT_ERRORS = 10;
/** How Triton (glog) begins a line of an error: `E1121 14:52:09.311315 17549 model_lifecycle.cc:642] "failed to load …`. */
const ERROR = /^E\d{4} /;
/** Of its tables of options, which it always ends with, and which say nothing of why. */
const TABLE = /^(?:[|+].*|\s*)$/;

/** The last lines that a server wrote, and before them errors that others have pushed out since. */
export interface ServerOutput {
  readonly lastLines: readonly string[];
  /** Takes lines as they are from a stream. */
  read(stream: Readable): void;
  /** Takes one line. */
  line(text: string): void;
}

export function createOutput(log: (line: string) => void): ServerOutput {
  const errors: string[] = [];
  const last: string[] = [];
  const line = (text: string): void => {
    log(text);
    if (TABLE.test(text)) return;
    last.push(text);
    if (last.length <= KEPT_LINES) return;
    const pushed = last.shift();
    // Why Triton ends is rarely the last thing that it says.
    if (pushed === undefined || !ERROR.test(pushed)) return;
    errors.push(pushed);
    if (errors.length > KEPT_ERRORS) errors.shift();
  };
  return {
    get lastLines() {
      return [...errors, ...last];
    },
    read: (stream) => void createInterface({ input: stream }).on("line", line),
    line,
  };
}

export function lastWords(lines: readonly string[]): string {
  return lines.length === 0 ? "; it wrote nothing" : `; its last lines were:\n  ${lines.join("\n  ")}`;
}
