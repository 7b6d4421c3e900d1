import { checkSampleRate, convertIndex, indexToNs } from "./clock.ts";
import { StrainflowError } from "./errors.ts";
import type { Flow } from "./flow.ts";
import type { Tensor } from "./tensor.ts";

/** Samples of one channel. float64 until whitening (strain is 1e-21, its PSD 1e-46), float32 after it. */
export type SampleArray = Float64Array | Float32Array;

/** What the samples are. Operators are typed by it, so that a wrong order does not compile. */
export type Quantity = "strain" | "whitened" | "score" | (string & {});

interface BlockBase<Q extends Quantity> {
  readonly quantity: Q;
  /** Index of the first sample, counted from the GPS epoch at `sampleRate`. */
  readonly start: number;
  /** Length in samples, ≥ 1. */
  readonly size: number;
  /** Hz, a whole number. */
  readonly sampleRate: number;
  /** Names of the channels, in order: `["H1", "L1"]`. */
  readonly channels: readonly string[];
  /** Whom to tell how far the pipeline has come; set by `fromReader`, handed on by every operator. */
  readonly flow?: Flow;
}

/**
 * A stretch of regularly sampled data.
 *
 * Arrays are immutable views, valid for ever: nobody may write to them, and a consumer may keep them.
 */
export interface TimeSeries<Q extends Quantity = Quantity> extends BlockBase<Q> {
  readonly kind: "series";
  /** One array of `size` samples per channel. */
  readonly data: readonly SampleArray[];
  /**
   * Named tensors that hold for the whole block, and which a model may take as inputs beside the stream:
   * a whitening step puts the spectrum it used here. Blocks whose `side` differs are never merged.
   */
  readonly side?: Readonly<Record<string, Tensor>>;
}

/**
 * Why there are no values.
 *
 * Three different marks, three different sums ({@link gapCategory}):
 * - missing: `missing` (no data exist), `lost` (a message was lost), `late` (it came too late), `damaged` (it cannot be
 *   read), `overflow` (a bounded buffer was full);
 * - not ready: `not-ready` (data quality says not to use it);
 * - not searched: `warm-up` (a step has not seen enough yet), `edge` (a stream ended before its output was complete),
 *   `spoiled` (the reach of the output touches a gap).
 */
export type GapReason =
  | "missing"
  | "lost"
  | "late"
  | "damaged"
  | "overflow"
  | "not-ready"
  | "warm-up"
  | "edge"
  | "spoiled";

/** A stretch without values. It has a place on the clock like any data: a step never goes silent. */
export interface Gap<Q extends Quantity = Quantity> extends BlockBase<Q> {
  readonly kind: "gap";
  readonly reason: GapReason;
  /** What in particular: a file, a message number, a data-quality bit. */
  readonly detail?: string;
}

/** What flows through a pipeline: contiguous in time, each block beginning where the last one ended. */
export type Block<Q extends Quantity = Quantity> = TimeSeries<Q> | Gap<Q>;

/** The constant facts of a stream. */
export interface StreamFormat {
  /** Hz. */
  readonly sampleRate: number;
  readonly channels: readonly string[];
}

export type GapCategory = "missing" | "not-ready" | "not-searched";

/** Into which of the three sums a gap goes. */
export function gapCategory(reason: GapReason): GapCategory {
  switch (reason) {
    case "missing":
    case "lost":
    case "late":
    case "damaged":
    case "overflow":
      return "missing";
    case "not-ready":
      return "not-ready";
    case "warm-up":
    case "edge":
    case "spoiled":
      return "not-searched";
  }
}

/** The reason of an output that has no value because its reach touches a gap of `reason`. */
export function reasonBeside(reason: GapReason): GapReason {
  return reason === "warm-up" || reason === "edge" ? reason : "spoiled";
}

/** Index just past the last sample. */
export function endOf(block: { readonly start: number; readonly size: number }): number {
  return block.start + block.size;
}

/** GPS nanoseconds of a block's first sample. */
export function startNs(block: { readonly start: number; readonly sampleRate: number }): bigint {
  return indexToNs(block.start, block.sampleRate);
}

/** GPS nanoseconds just past a block's last sample. */
export function endNs(block: {
  readonly start: number;
  readonly size: number;
  readonly sampleRate: number;
}): bigint {
  return indexToNs(block.start + block.size, block.sampleRate);
}

/**
 * Builds a series and checks it.
 *
 * @throws `malformed-series` if arrays and channels do not match, or the stretch is empty
 */
export function timeSeries<Q extends Quantity>(
  fields: Omit<TimeSeries<Q>, "kind" | "size"> & { readonly size?: number },
): TimeSeries<Q> {
  const { data, channels } = fields;
  const size = data[0]?.length ?? 0;
  checkSampleRate("timeSeries", fields.sampleRate);
  if (data.length !== channels.length || size === 0 || data.some((array) => array.length !== size))
    throw new StrainflowError(
      "malformed-series",
      `a series of ${channels.length} channels (${channels.join(", ")}) needs as many non-empty arrays of one length; ` +
        `it was given arrays of ${data.map((array) => array.length).join(", ") || "nothing"}`,
      { details: { channels, sizes: data.map((array) => array.length) } },
    );
  if (!Number.isSafeInteger(fields.start))
    throw new StrainflowError(
      "malformed-series",
      `start is ${fields.start}; it must be a whole number of samples`,
    );
  // Not `{ ...fields, kind, size }`: V8 makes a hidden class each time properties are added to a spread, and keeps it, and
  // all that the object holds, until its next full collection.
  return Object.assign({}, fields, { kind: "series", size } as const);
}

/** Samples `[start, end)` (absolute indexes) of a block, as views. */
export function sliceBlock<B extends Block>(block: B, start: number, end: number): B {
  const from = start - block.start;
  const to = end - block.start;
  if (from < 0 || to > block.size || from >= to)
    throw new RangeError(`[${start}, ${end}) is not inside [${block.start}, ${endOf(block)})`);
  if (from === 0 && to === block.size) return block;
  return block.kind === "gap"
    ? { ...block, start, size: to - from }
    : { ...block, start, size: to - from, data: block.data.map((array) => array.subarray(from, to)) };
}

/**
 * Checks that `block` continues a stream.
 *
 * @throws `not-contiguous` if it does not begin where the last one ended, or changes rate or channels
 */
export function checkContinues(where: string, last: Block | undefined, block: Block): void {
  if (last === undefined) return;
  if (block.sampleRate !== last.sampleRate || block.channels.length !== last.channels.length)
    throw new StrainflowError(
      "not-contiguous",
      `${where}: the stream changed from ${last.channels.join(", ")} at ${last.sampleRate} Hz to ` +
        `${block.channels.join(", ")} at ${block.sampleRate} Hz; one stream keeps its channels and its rate`,
    );
  if (block.start !== endOf(last))
    throw new StrainflowError(
      "not-contiguous",
      `${where}: a block begins at sample ${block.start} where ${endOf(last)} was due ` +
        `(${block.start - endOf(last)} samples at ${block.sampleRate} Hz off); a source marks what is missing as a gap`,
      { details: { expected: endOf(last), start: block.start } },
    );
}

/** Whether the block lies on the grid of another rate, at both ends. */
export function onGrid(block: Block, sampleRate: number): boolean {
  try {
    convertIndex(block.start, block.sampleRate, sampleRate);
    convertIndex(endOf(block), block.sampleRate, sampleRate);
    return true;
  } catch {
    return false;
  }
}
