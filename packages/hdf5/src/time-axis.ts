import { secondsToIndex } from "@strainflow/series";
import { hdf5Error } from "./errors.ts";
import type { OpenFile } from "./open-file.ts";

/** The whole rate in Hz behind a spacing in seconds. @throws `hdf5-foreign` */
export function rateOf(open: OpenFile, dataset: string, spacing: number): number {
  const rate = Math.round(1 / spacing);
  if (!(rate >= 1 && rate <= 1_048_576) || Math.abs(rate * spacing - 1) > 1e-9)
    throw hdf5Error(
      "hdf5-foreign",
      `${open.path}: ${dataset} has a sample every ${spacing} s; the rate must be a whole number of Hz from 1 to 1048576`,
      { path: open.path, dataset, spacing },
    );
  return rate;
}

/** The sample index of a start in GPS seconds, as files give it. @throws `misaligned`, `hdf5-damaged` */
export function startOf(open: OpenFile, dataset: string, seconds: number, sampleRate: number): number {
  const start =
    Number.isFinite(seconds) && Math.abs(seconds) < 1e11 ? secondsToIndex(seconds, sampleRate) : Number.NaN;
  if (!Number.isSafeInteger(start))
    throw hdf5Error("hdf5-damaged", `${open.path}: ${dataset} begins at GPS ${seconds}, which cannot be`, {
      path: open.path,
      dataset,
    });
  return start;
}
