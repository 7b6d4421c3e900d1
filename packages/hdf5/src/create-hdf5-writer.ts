import {
  type Block,
  checkContinues,
  invalidOption,
  type Quantity,
  type SampleArray,
  type StreamFormat,
  type Writer,
} from "@strainflow/series";
import { hdf5Error } from "./errors.ts";
import type { Layout } from "./facts.ts";
import { createGwoscOutput } from "./gwosc-output.ts";
import { createSeriesOutput, type Output } from "./series-output.ts";

export interface Hdf5WriterOptions {
  /** See {@link Layout}. `gwosc` holds one detector per file and whole seconds. */
  readonly layout: Layout;
  /** Default: that of the first samples written, and float64 if a gap comes first. `gwosc` is always float64. */
  readonly dtype?: "float32" | "float64";
  /** Default "strain" for gwpy and aframe; GWOSC leaves it empty. */
  readonly unit?: string;
  /** Default "gzip" (level 4, h5py's default), which also gives each chunk a checksum. */
  readonly compression?: "gzip" | "none";
  /** Samples per chunk. Default: one second of samples, within 1024 and 65536. */
  readonly chunkSize?: number;
}

/** Gaps are written in pieces of this many samples, so that a long one takes no memory. */
const GAP_PIECE = 65_536;

/**
 * Writes a stream to HDF5, in a layout that {@link openHdf5} reads back, in bounded memory.
 *
 * Gaps become NaN, and clear the DATA bit in the GWOSC layout. The file stands under a temporary name beside `path` until
 * `close` has flushed, synced and renamed it; `abort` removes it.
 *
 * @param path the output; in the GWOSC layout with several detectors it contains `{ifo}`, once per file
 * @throws `hdf5-write-failed`, `invalid-option`, `not-contiguous`; `hdf5-no-data` from `close` if nothing was written
 */
export function createHdf5Writer<Q extends Quantity = "strain">(
  path: string,
  options: Hdf5WriterOptions,
): Writer<Q> {
  checkOptions(options);
  let outputs: readonly Output[] | undefined;
  let last: Block<Q> | undefined;
  let narrow = false;
  // Writes may be called without waiting for the one before; they are done in turn, and after a failure no more.
  let turn: Promise<void> = Promise.resolve();

  async function write(block: Block<Q>): Promise<void> {
    checkContinues("createHdf5Writer", last, block);
    if (outputs === undefined) {
      narrow = options.layout !== "gwosc" && (options.dtype ?? dtypeOf(block)) === "float32";
      outputs = await openOutputs(path, options, block, narrow);
    }
    last = block;
    for (const data of piecesOf(block, narrow))
      for (const [i, output] of outputs.entries()) output.append(outputs.length === 1 ? data : [data[i]!]);
  }

  return {
    write(block) {
      const next = turn.then(() => write(block));
      turn = next;
      // The failure is told by this promise, and again by `close`.
      turn.catch(() => {});
      return next;
    },
    async close() {
      try {
        await turn;
        if (outputs === undefined)
          throw hdf5Error("hdf5-no-data", `${path}: nothing was written, so there is no file`, { path });
        for (const output of outputs) await output.finish();
      } catch (error) {
        for (const output of outputs ?? []) await output.discard();
        throw error;
      }
    },
    async abort() {
      await turn.catch(() => {});
      for (const output of outputs ?? []) await output.discard();
    },
  };
}

function checkOptions({ layout, dtype, chunkSize }: Hdf5WriterOptions): void {
  const where = "createHdf5Writer";
  if (!["gwosc", "gwpy", "aframe"].includes(layout))
    throw invalidOption(where, "layout", layout, `"gwosc", "gwpy" or "aframe"`);
  if (layout === "gwosc" && dtype === "float32")
    throw invalidOption(where, "dtype", dtype, "float64 in the GWOSC layout: strain near 1e-23 needs it");
  if (chunkSize !== undefined && !(Number.isInteger(chunkSize) && chunkSize >= 1 && chunkSize <= 1 << 24))
    throw invalidOption(where, "chunkSize", chunkSize, "a whole number of samples from 1 to 16777216");
}

function dtypeOf(block: Block): "float32" | "float64" {
  return block.kind === "series" && block.data.every((array) => array instanceof Float32Array)
    ? "float32"
    : "float64";
}

async function openOutputs(
  path: string,
  options: Hdf5WriterOptions,
  { sampleRate, channels, start }: StreamFormat & { readonly start: number },
  narrow: boolean,
): Promise<Output[]> {
  const { layout, compression = "gzip", unit = layout === "gwosc" ? "" : "strain" } = options;
  const chunkSize = options.chunkSize ?? Math.min(65_536, Math.max(1024, sampleRate));
  const format = {
    sampleRate,
    channels,
    start,
    dtype: narrow ? "float32" : "float64",
    unit,
    chunkSize,
    compression,
  } as const;
  if (layout !== "gwosc") return [await createSeriesOutput(path, format)];
  if (channels.length > 1 && !path.includes("{ifo}"))
    throw invalidOption(
      "createHdf5Writer",
      "path",
      path,
      `one with {ifo} in it: a GWOSC file holds one detector, and the stream has ${channels.join(", ")}`,
    );
  const outputs: Output[] = [];
  try {
    for (const ifo of channels)
      outputs.push(await createGwoscOutput(path.replaceAll("{ifo}", ifo), { ...format, channels: [ifo] }));
  } catch (error) {
    for (const output of outputs) await output.discard();
    throw error;
  }
  return outputs;
}

/** A block's samples in the output's type; a gap as NaN. */
function* piecesOf(block: Block, narrow: boolean): Generator<readonly SampleArray[]> {
  if (block.kind === "series") {
    yield block.data.map((array) =>
      array instanceof Float32Array === narrow
        ? array
        : narrow
          ? Float32Array.from(array)
          : Float64Array.from(array),
    );
    return;
  }
  for (let at = 0; at < block.size; at += GAP_PIECE) {
    const size = Math.min(GAP_PIECE, block.size - at);
    const nothing = (narrow ? new Float32Array(size) : new Float64Array(size)).fill(Number.NaN);
    yield block.channels.map(() => nothing);
  }
}
