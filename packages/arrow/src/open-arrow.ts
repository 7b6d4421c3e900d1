import {
  type Block,
  endOf,
  invalidOption,
  type Quantity,
  type Reader,
  StrainflowError,
  sliceBlock,
} from "@strainflow/series";
import { type ArrowFile, inspectFile } from "./arrow-file.ts";
import { unsupported } from "./errors.ts";
import { type ArrowLimits, checkLimits } from "./limits.ts";

/** How {@link openArrow} reads. */
export interface ArrowReaderOptions<Q extends Quantity> extends ArrowLimits {
  /** Which channels, in which order. Default: all, in the order of the first file. */
  readonly channels?: readonly string[];
  /** What the values are; a file that says otherwise is refused. Default "strain". */
  readonly quantity?: Q;
  /**
   * Longest series to hand out, in samples, cut at its absolute multiples. Default one second, the length of the frames
   * that live data come in: a batch may hold hours, and a pipeline's memory is counted in blocks.
   */
  readonly maxBlockSize?: number;
}

/**
 * Opens Arrow files or streams (`.arrow`, `.arrows`; told apart by their first bytes) as one reader, in order of time.
 *
 * The schema is that of arrakis by column: `time: int64` in GPS nanoseconds and a `list<float32>` or `list<float64>` per
 * channel with its `rate`. Nulls become gaps, with the reasons that {@link createArrowWriter} noted, else `missing`;
 * so do jumps in time; NaN becomes `missing` and an infinite value `damaged`, in all the channels that are read.
 *
 * `end` is known if all are files (they have a footer), not for streams. Files may come from anywhere: see {@link ArrowLimits}.
 * Arrow has no checksums: a flipped bit inside a finite value goes unnoticed.
 *
 * @throws `arrow-malformed`, `arrow-unsupported`, `arrow-too-large`, `arrow-unreadable`, `arrow-empty`;
 *   `not-contiguous` if files overlap; `misaligned` if a row's time is off the grid
 */
export function openArrow(
  paths: string | readonly string[],
  options?: ArrowReaderOptions<"strain">,
): Promise<Reader<"strain">>;
export function openArrow<Q extends Quantity>(
  paths: string | readonly string[],
  options: ArrowReaderOptions<Q> & { readonly quantity: Q },
): Promise<Reader<Q>>;
export async function openArrow(
  paths: string | readonly string[],
  options: ArrowReaderOptions<Quantity> = {},
): Promise<Reader> {
  const list = typeof paths === "string" ? [paths] : paths;
  if (list.length === 0) throw invalidOption("openArrow", "paths", "empty", "at least one file");
  const { maxBlockSize, quantity = "strain" } = options;
  if (maxBlockSize !== undefined && (!Number.isSafeInteger(maxBlockSize) || maxBlockSize < 1))
    throw invalidOption("openArrow", "maxBlockSize", maxBlockSize, "a whole number of samples ≥ 1");
  const limits = checkLimits("openArrow", options);

  const opened: { readonly file: ArrowFile; readonly start: number }[] = [];
  let channels = options.channels;
  for (const path of list) {
    const file = await inspectFile(path, { channels, quantity, limits });
    channels ??= file.format.channels;
    checkQuantity(file, quantity);
    const start = await firstSample(file);
    if (start !== undefined) opened.push({ file, start });
  }
  opened.sort((a, b) => a.start - b.start);
  const first = opened[0];
  const last = opened.at(-1);
  if (first === undefined || last === undefined)
    throw new StrainflowError(
      "arrow-empty",
      `${list.join(", ")}: no samples; a reader needs at least one block`,
    );
  const { format } = first.file;
  for (const { file } of opened)
    if (file.format.sampleRate !== format.sampleRate)
      throw unsupported(
        `${file.path} is at ${file.format.sampleRate} Hz and ${first.file.path} at ${format.sampleRate} Hz; open them apart`,
      );
  const lastBlock = await last.file.lastBlock();
  return {
    format,
    start: first.start,
    ...(lastBlock === undefined ? {} : { end: endOf(lastBlock) }),
    blocks: ({ signal }) =>
      readAll(
        opened.map(({ file }) => file),
        maxBlockSize ?? format.sampleRate,
        signal,
      ),
  };
}

async function* readAll(
  files: readonly ArrowFile[],
  maxBlockSize: number,
  signal: AbortSignal,
): AsyncGenerator<Block> {
  let end: number | undefined;
  for (const file of files) {
    for await (const blocks of file.batches(signal)) {
      for (const block of blocks) {
        if (end !== undefined && block.start < end)
          throw new StrainflowError(
            "not-contiguous",
            `${file.path}: sample ${block.start} was read before (up to ${end}); ` +
              "files and batches must not overlap: leave one of them out",
            { details: { path: file.path, start: block.start, end } },
          );
        if (end !== undefined && block.start > end) yield hole(block, end, file.path);
        end = endOf(block);
        for (const piece of cut(block, maxBlockSize)) {
          if (signal.aborted) return;
          yield piece;
        }
      }
    }
    if (signal.aborted) return;
  }
}

function hole({ quantity, sampleRate, channels, start }: Block, from: number, path: string): Block {
  const size = start - from;
  const detail = `nothing before this in ${path}`;
  return { kind: "gap", quantity, sampleRate, channels, start: from, size, reason: "missing", detail };
}

function* cut(block: Block, maxSize: number): Generator<Block> {
  if (block.kind === "gap") {
    yield block;
    return;
  }
  for (let at = block.start; at < endOf(block); ) {
    const next = Math.min(endOf(block), (Math.floor(at / maxSize) + 1) * maxSize);
    yield sliceBlock(block, at, next);
    at = next;
  }
}

function checkQuantity(file: ArrowFile, quantity: string): void {
  const said = file.schema.quantity;
  if (said !== undefined && said !== quantity)
    throw unsupported(`${file.path} holds ${said}, not ${quantity}; ask for it with \`quantity: "${said}"\``);
}

/** First sample of a file, or nothing where it has none. */
async function firstSample(file: ArrowFile): Promise<number | undefined> {
  for await (const blocks of file.batches()) {
    const first = blocks[0];
    if (first !== undefined) return first.start;
  }
  return undefined;
}
