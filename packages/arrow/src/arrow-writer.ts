import { randomBytes } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import {
  type Block,
  checkContinues,
  invalidOption,
  type Quantity,
  StrainflowError,
  type TimeSeries,
  type Writer,
} from "@strainflow/series";

import { cutRows, MAX_ROWS, rowCost, takeRows } from "./batch-rows.ts";
import { checkWritable, sampleTypesOf } from "./block-facts.ts";
import { layOutBatch } from "./encode-batch.ts";
import { unsupported } from "./errors.ts";
import { FILE_HEAD_SIZE, MAGIC } from "./file-index.ts";
import { buildFlatBuffer, int16, structs } from "./flat-builder.ts";
import { buildMessage, END_OF_STREAM, METADATA_V5 } from "./ipc-message.ts";
import { type SampleType, schemaSlots } from "./strain-schema.ts";

/** How {@link createArrowWriter} writes. */
export interface ArrowWriterOptions {
  /**
   * `file` has a footer, by which a reader knows its end at once; `stream` can be read while it grows, had it its
   * name. Default: `stream` where the path ends in `.arrows` (its registered extension), else `file`.
   */
  readonly format?: "file" | "stream";
  /**
   * Samples that a record batch collects before it is written, a row per block. Default one second's worth: large enough that
   * the batch's own kilobyte does not count.
   */
  readonly batchSize?: number;
}

/**
 * Writes blocks to an Arrow file or stream in the schema of arrakis by column; {@link openArrow} reads back the same
 * blocks with the same bits, gaps with their reasons.
 *
 * Channels, rate, quantity and sample types are those of the first block (types: of the first series). Blocks are
 * contiguous. The bytes go to a temporary file beside `path`, which `close` syncs to disk and renames.
 *
 * @throws (from `write`) `not-contiguous`; `arrow-unsupported` for side tensors and for a change of sample type or quantity;
 *   `arrow-closed` after `close` or `abort`
 */
export function createArrowWriter<Q extends Quantity = Quantity>(
  path: string,
  options: ArrowWriterOptions = {},
): Writer<Q> {
  const { format = path.endsWith(".arrows") ? "stream" : "file", batchSize } = options;
  if (batchSize !== undefined && (!Number.isSafeInteger(batchSize) || batchSize < 1))
    throw invalidOption("createArrowWriter", "batchSize", batchSize, "a whole number of samples ≥ 1");
  const temporary = `${path}.${randomBytes(6).toString("hex")}.part`;
  let file: FileHandle | undefined;
  let position = 0;
  let first: Block | undefined;
  let last: Block | undefined;
  let types: readonly SampleType[] | undefined;
  const pending: Block[] = [];
  let pendingSize = 0;
  let state: "open" | "closed" = "open";
  // Writes are queued, so that a caller that does not wait cannot mix them up.
  let queue: Promise<void> = Promise.resolve();
  const places: number[][] = [];

  const append = async (bytes: Uint8Array): Promise<void> => {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await file!.write(bytes, done, bytes.length - done, position + done);
      done += bytesWritten;
    }
    position += bytes.length;
  };

  const begin = async (block: Block): Promise<SampleType[]> => {
    const chosen = sampleTypesOf(pending.find(isSeries), block.channels.length);
    file = await open(temporary, "wx");
    if (format === "file") await append(padded(MAGIC, FILE_HEAD_SIZE));
    await append(buildMessage("schema", schemaSlots(block, chosen, block.quantity), 0));
    return chosen;
  };

  const flush = async (): Promise<void> => {
    if (first === undefined) return;
    types ??= await begin(first);
    while (pending.length > 0) {
      const rows = takeRows(pending, batchSize ?? first.sampleRate);
      const batch = layOutBatch(rows, first.channels.length, types);
      const bytes = new Uint8Array(batch.head.length + batch.bodyLength);
      bytes.set(batch.head);
      batch.writeBody(bytes, batch.head.length);
      places.push([position, batch.head.length, batch.bodyLength]);
      await append(bytes);
    }
    pendingSize = 0;
  };

  const write = async (block: Block<Q>): Promise<void> => {
    if (state !== "open") throw closed(path);
    checkWritable(block);
    checkContinues(path, last, block);
    checkSame(path, first, types ?? typesSoFar(pending), block);
    first ??= block;
    last = block;
    for (const row of cutRows(block)) {
      pending.push(row);
      pendingSize += rowCost(row);
    }
    // Gaps that lead wait for the first series, which decides the types of the columns.
    if (types === undefined && block.kind === "gap" && !pending.some(isSeries)) return;
    if (pendingSize >= (batchSize ?? block.sampleRate) || pending.length >= MAX_ROWS) await flush();
  };

  const enqueue = (work: () => Promise<void>): Promise<void> => {
    const done = queue.then(work);
    queue = done.catch(() => {});
    return done;
  };

  return {
    write: (block) => enqueue(() => write(block)),
    close: () =>
      enqueue(async () => {
        if (state !== "open") throw closed(path);
        state = "closed";
        try {
          if (first === undefined)
            throw new StrainflowError(
              "arrow-empty",
              `${path}: no block was written, so it has no channels; nothing is left`,
            );
          await flush();
          await append(END_OF_STREAM);
          if (format === "file") await append(footer(first, types!, places));
          await file!.sync();
          await file!.close();
          file = undefined;
          await rename(temporary, path);
          await syncFolder(dirname(path));
        } catch (error) {
          await discard(file, temporary);
          throw error;
        }
      }),
    abort: () =>
      enqueue(async () => {
        if (state === "closed") return;
        state = "closed";
        await discard(file, temporary);
      }),
  };
}

function footer(
  block: Block,
  types: readonly SampleType[],
  places: readonly (readonly number[])[],
): Uint8Array {
  const flat = buildFlatBuffer([
    int16(METADATA_V5),
    { kind: "table", slots: schemaSlots(block, types, block.quantity) },
    structs([]),
    structs(places),
  ]);
  const bytes = new Uint8Array(flat.length + 4 + MAGIC.length);
  bytes.set(flat);
  new DataView(bytes.buffer).setInt32(flat.length, flat.length, true);
  bytes.set(MAGIC, flat.length + 4);
  return bytes;
}

function padded(bytes: Uint8Array, size: number): Uint8Array {
  const longer = new Uint8Array(size);
  longer.set(bytes);
  return longer;
}

function isSeries(block: Block): block is TimeSeries {
  return block.kind === "series";
}

function typesSoFar(pending: readonly Block[]): readonly SampleType[] | undefined {
  const series = pending.find(isSeries);
  return series === undefined ? undefined : sampleTypesOf(series, series.channels.length);
}

function checkSame(
  path: string,
  first: Block | undefined,
  types: readonly SampleType[] | undefined,
  block: Block,
): void {
  if (first === undefined) return;
  if (block.quantity !== first.quantity || block.channels.some((name, i) => name !== first.channels[i]))
    throw unsupported(
      `${path} holds ${first.quantity} of ${first.channels.join(", ")}; ` +
        `${block.quantity} of ${block.channels.join(", ")} needs a file of its own`,
    );
  if (types === undefined || block.kind === "gap") return;
  const own = sampleTypesOf(block, block.channels.length);
  if (own.some((type, i) => type !== types[i]))
    throw unsupported(
      `${path} holds ${types.join(", ")} and a block brings ${own.join(", ")}; convert it first`,
    );
}

function closed(path: string): StrainflowError {
  return new StrainflowError("arrow-closed", `${path}: the writer is closed; open another for more blocks`);
}

async function discard(file: FileHandle | undefined, temporary: string): Promise<void> {
  await file?.close().catch(() => {});
  await rm(temporary, { force: true });
}

/** Makes the new name itself survive a power cut, where the system lets folders be synced. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
