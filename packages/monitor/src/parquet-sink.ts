import { access, open, rename, rm } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { invalidOption, StrainflowError } from "@strainflow/series";
import { parquetWriteBuffer } from "hyparquet-writer";
import type { MonitorSample } from "./monitor-sample.ts";
import { type ParquetRow, parquetColumns, parquetRows } from "./parquet-rows.ts";
import type { MonitorSink } from "./sink.ts";

export interface ParquetSinkOptions {
  /**
   * Milliseconds between writes: what a crash may lose at most. Default 10 000. The whole file is written each time
   * (a Parquet file ends with its table of contents), so that shorter costs more.
   */
  readonly flushMs?: number;
  /** Rows after which the next file begins. Default 20 000, which takes a fraction of a second to write. */
  readonly rowsPerFile?: number;
}

/** A sink of Parquet files, and which they are. */
export interface ParquetSink extends MonitorSink {
  /** Files that were begun, in order. */
  readonly paths: readonly string[];
}

/**
 * Parquet files of what models did: a row per model and interval, and per client and interval.
 *
 * A file under its name is always whole: it is written beside it, brought onto the disk and renamed. `x.parquet` is
 * followed by `x-0001.parquet`, …; files that are there are left alone, and the next free name is taken.
 *
 * @throws `output-unwritable`, `invalid-option`
 */
export async function createParquetSink(
  path: string,
  options: ParquetSinkOptions = {},
): Promise<ParquetSink> {
  const { flushMs = 10_000, rowsPerFile = 20_000 } = options;
  if (!(flushMs >= 0))
    throw invalidOption("createParquetSink", "flushMs", flushMs, "milliseconds, at least 0");
  if (!Number.isInteger(rowsPerFile) || rowsPerFile < 1)
    throw invalidOption("createParquetSink", "rowsPerFile", rowsPerFile, "a whole number of at least 1");
  const paths: string[] = [await freePath(path)];
  let rows: ParquetRow[] = [];
  let written = 0;
  let writtenAt = performance.now();

  async function flush(): Promise<void> {
    const current = paths.at(-1);
    if (current === undefined || rows.length === written) return;
    await writeWhole(current, new Uint8Array(parquetWriteBuffer({ columnData: parquetColumns(rows) })));
    written = rows.length;
    writtenAt = performance.now();
  }

  // That nothing can be written there is told at once, and not after the first interval.
  await writeWhole(paths[0]!, new Uint8Array(parquetWriteBuffer({ columnData: parquetColumns([]) })));
  return {
    paths,
    async write(sample: MonitorSample) {
      rows.push(...parquetRows(sample));
      const full = rows.length >= rowsPerFile;
      if (full || performance.now() - writtenAt >= flushMs) await flush();
      if (!full) return;
      rows = [];
      written = 0;
      paths.push(await freePath(path));
    },
    close: flush,
  };
}

/** `x.parquet`, or the first of `x-0001.parquet`, … that is not there. */
async function freePath(path: string): Promise<string> {
  const extension = extname(path);
  const stem = join(dirname(path), basename(path, extension));
  for (let part = 0; ; part++) {
    const candidate = part === 0 ? path : `${stem}-${String(part).padStart(4, "0")}${extension}`;
    try {
      await access(candidate);
    } catch {
      return candidate;
    }
  }
}

async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const beside = `${path}.${process.pid}.part`;
  try {
    const file = await open(beside, "w");
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
    await syncFolder(dirname(path));
  } catch (cause) {
    // Where the folder itself is gone there is nothing to take away either.
    await rm(beside, { force: true }).catch(() => undefined);
    throw new StrainflowError(
      "output-unwritable",
      `${path}: it cannot be written (${cause instanceof Error ? cause.message : String(cause)}); choose another file`,
      { cause, details: { path } },
    );
  }
}

/** A new name is on the disk only when its folder is. Windows has no such thing, and needs none. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
