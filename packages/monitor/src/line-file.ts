import { type FileHandle, open } from "node:fs/promises";
import { StrainflowError } from "@strainflow/series";

/** A text file that grows by whole lines. */
export interface LineFile {
  /** Characters of an unfinished last line that an earlier writer left, and that were taken away. */
  readonly cutSize: number;
  /** Appends lines in one write; once a second at most they are brought onto the disk as well. */
  append(lines: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

const SYNC_MS = 1000;
const NEWLINE = 10;

/** A file of an hour may be long: its end is looked for in pieces. */
const PIECE_SIZE = 64 * 1024;

/**
 * Opens a file to append to. One that is there is gone on with: what a crash left of a last line is cut off, as half
 * a number would pass for a whole one.
 *
 * @param header first line of a new file; one that is there must have it
 * @throws `output-unwritable`
 */
export async function openLineFile(path: string, header?: string): Promise<LineFile> {
  const unwritable = (why: string, cause?: unknown): StrainflowError =>
    new StrainflowError("output-unwritable", `${path}: ${why}; choose another file`, {
      cause,
      details: { path },
    });
  let file: FileHandle;
  try {
    file = await open(path, "a+");
  } catch (cause) {
    throw unwritable(
      `it cannot be written (${cause instanceof Error ? cause.message : String(cause)})`,
      cause,
    );
  }
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (cause) {
      if (cause instanceof StrainflowError) throw cause;
      throw unwritable(
        `it cannot be written (${cause instanceof Error ? cause.message : String(cause)})`,
        cause,
      );
    }
  };
  let cutSize = 0;
  try {
    cutSize = await guarded(async () => {
      const { size } = await file.stat();
      const whole = await endOfLines(file, size);
      if (header !== undefined && size > 0) await checkHeader(file, size, header, unwritable);
      if (whole < size) await file.truncate(whole);
      if (header !== undefined && whole === 0) await file.appendFile(`${header}\n`);
      await file.datasync();
      return size - whole;
    });
  } catch (error) {
    await file.close();
    throw error;
  }
  let syncedMs = performance.now();
  return {
    cutSize,
    append: (lines) =>
      guarded(async () => {
        if (lines.length === 0) return;
        await file.appendFile(lines.map((line) => `${line}\n`).join(""));
        if (performance.now() - syncedMs < SYNC_MS) return;
        await file.datasync();
        syncedMs = performance.now();
      }),
    close: () =>
      guarded(async () => {
        try {
          await file.datasync();
        } finally {
          await file.close();
        }
      }),
  };
}

/** Just past the last line that is finished. */
async function endOfLines(file: FileHandle, size: number): Promise<number> {
  const piece = Buffer.alloc(PIECE_SIZE);
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - PIECE_SIZE);
    const { bytesRead } = await file.read(piece, 0, end - start, start);
    const last = piece.subarray(0, bytesRead).lastIndexOf(NEWLINE);
    if (last >= 0) return start + last + 1;
    end = start;
  }
  return 0;
}

async function checkHeader(
  file: FileHandle,
  size: number,
  header: string,
  unwritable: (why: string) => StrainflowError,
): Promise<void> {
  const wanted = Buffer.from(`${header}\n`);
  const start = Buffer.alloc(Math.min(size, wanted.length));
  await file.read(start, 0, start.length, 0);
  if (!wanted.subarray(0, start.length).equals(start))
    throw unwritable("it is there already and has other columns");
}
