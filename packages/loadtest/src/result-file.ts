import { StrainflowError } from "@strainflow/series";
import type { LoadTestResult } from "./load-test-result.ts";

/** What stands in front of a result in a file, so that another file is not taken for one. */
const FORMAT = "strainflow-loadtest-1";

/** Results as JSON, to be kept and compared with. */
export function formatResults(results: readonly LoadTestResult[]): string {
  return `${JSON.stringify({ format: FORMAT, results }, null, 2)}\n`;
}

/**
 * Reads what {@link formatResults} wrote.
 *
 * @throws `loadtest-input` for anything else
 */
export function parseResults(text: string, path: string): LoadTestResult[] {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch (cause) {
    throw notResults(path, cause);
  }
  if (!isFile(file)) throw notResults(path);
  return [...file.results];
}

interface ResultFile {
  readonly format: string;
  readonly results: readonly LoadTestResult[];
}

/** Only so far that nothing that reads it can stumble. */
function isFile(value: unknown): value is ResultFile {
  if (!isObject(value) || value["format"] !== FORMAT || !Array.isArray(value["results"])) return false;
  return value["results"].every(
    (result) =>
      isObject(result) &&
      isObject(result["subject"]) &&
      typeof result["subject"]["name"] === "string" &&
      Array.isArray(result["levels"]) &&
      result["levels"].every(
        (level) =>
          isObject(level) &&
          isObject(level["load"]) &&
          isObject(level["generator"]) &&
          typeof level["requestsPerSecond"] === "number" &&
          typeof level["inferencesPerSecond"] === "number",
      ),
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function notResults(path: string, cause?: unknown): StrainflowError {
  return new StrainflowError(
    "loadtest-input",
    `${path} holds no results of a load test; they are what --out or formatResults writes`,
    cause === undefined ? {} : { cause },
  );
}
