import { readFile, writeFile } from "node:fs/promises";
import {
  formatResults,
  type LoadTestResult,
  parseResults,
  perfAnalyzerCsv,
  renderLoadReport,
} from "@strainflow/loadtest";
import { StrainflowError } from "@strainflow/series";

export interface OutputFlags {
  readonly csv?: string;
  readonly out?: string;
  readonly report?: string;
}

/** Whether files can be written, before anybody waits for them. Those that are there stay as they are until then. @throws `output-unwritable` */
export async function checkOutputs({ csv, out, report }: OutputFlags): Promise<void> {
  for (const path of [csv, out, report]) if (path !== undefined) await write(path, "", "a");
}

/**
 * Writes what was asked for. Of several subjects, each has its own CSV: perf_analyzer's columns have no name in them.
 *
 * @param earlier results of another run, shown beside these
 * @returns the paths
 * @throws `output-unwritable`
 */
export async function writeOutputs(
  results: readonly LoadTestResult[],
  earlier: readonly LoadTestResult[],
  { csv, out, report }: OutputFlags,
): Promise<string[]> {
  const written: string[] = [];
  const put = async (path: string, text: string): Promise<void> => {
    await write(path, text, "w");
    written.push(path);
  };
  if (csv !== undefined)
    for (const [i, result] of results.entries()) await put(numbered(csv, i), perfAnalyzerCsv(result));
  if (out !== undefined) await put(out, formatResults(results));
  if (report !== undefined) await put(report, renderLoadReport([...results, ...earlier]));
  return written;
}

/** `perf.csv`, `perf-2.csv`, … */
function numbered(path: string, place: number): string {
  if (place === 0) return path;
  return /\.[^./]+$/.test(path) ? path.replace(/(\.[^./]+)$/, `-${place + 1}$1`) : `${path}-${place + 1}`;
}

async function write(path: string, text: string, flag: "a" | "w"): Promise<void> {
  try {
    await writeFile(path, text, { flag });
  } catch (cause) {
    throw new StrainflowError(
      "output-unwritable",
      `${path} cannot be written (${cause instanceof Error ? cause.message : String(cause)})`,
      { cause, details: { path } },
    );
  }
}

/** Results of an earlier run. @throws `loadtest-input` */
export async function readEarlier(path: string | undefined): Promise<LoadTestResult[]> {
  if (path === undefined) return [];
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new StrainflowError(
      "loadtest-input",
      `${path} cannot be read (${cause instanceof Error ? cause.message : String(cause)})`,
      { cause },
    );
  });
  return parseResults(text, path);
}
