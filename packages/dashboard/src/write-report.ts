import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { renderReport } from "./render-report.ts";
import type { ReportData } from "./report-data.ts";

/**
 * Writes a run's report. The file appears whole or not at all: it is written beside its place and then moved there.
 * Folders that are missing are made.
 */
export async function writeReport(path: string, data: ReportData): Promise<void> {
  const page = renderReport(data);
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, page);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
