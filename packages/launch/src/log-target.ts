import { createWriteStream } from "node:fs";
import { StrainflowError } from "@strainflow/series";

/** Where lines go: to a function, to anything with `write` (a stream), or to the end of the file of this name. */
export type LogTarget = ((line: string) => void) | { write(text: string): unknown } | string;

export interface LineLog {
  line(text: string): void;
  /** Everything is in the file. A stream that was given stays open: it is not ours. */
  close(): Promise<void>;
}

/** @throws `launch-log` if the file cannot be written */
export async function openLog(target: LogTarget | undefined): Promise<LineLog> {
  if (target === undefined) return { line: () => undefined, close: async () => undefined };
  if (typeof target === "function") return { line: target, close: async () => undefined };
  if (typeof target !== "string")
    return { line: (text) => void target.write(`${text}\n`), close: async () => undefined };

  const file = createWriteStream(target, { flags: "a" });
  await new Promise<void>((resolve, reject) => {
    file.once("open", () => resolve());
    file.once("error", (cause) =>
      reject(
        new StrainflowError(
          "launch-log",
          `the server's log cannot be written to ${target}: ${cause.message}`,
          {
            cause,
            details: { path: target },
          },
        ),
      ),
    );
  });
  // A disk that fills up must not end the server that is being logged.
  file.on("error", () => undefined);
  return {
    line: (text) => void file.write(`${text}\n`),
    close: () => new Promise((resolve) => file.close(() => resolve())),
  };
}
