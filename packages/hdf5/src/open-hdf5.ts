import { invalidOption, nearestIndex, type Reader, secondsToNs } from "@strainflow/series";
import { arrange, type Piece } from "./arrange.ts";
import { hdf5Error } from "./errors.ts";
import type { FileFacts } from "./facts.ts";
import type { Mark } from "./gap-marks.ts";
import { expandPaths } from "./paths.ts";
import { type Isolation, type PortPool, portPool } from "./port-pool.ts";
import { notReadyMarks, type QualityBit } from "./quality.ts";
import { createStretchReader } from "./stretch-reader.ts";
import type { GapPolicy } from "./stretch-reading.ts";

export interface OpenHdf5Options {
  /** Channels wanted, by detector (`H1`) or by name as in the file. Default: all there are. */
  readonly channels?: readonly string[];
  /** GPS seconds, where to begin. Default: the first sample there is. What no file covers is a gap. */
  readonly gpsStart?: number;
  /** GPS seconds, where to end (not included). Default: just past the last sample there is. */
  readonly gpsEnd?: number;
  /**
   * Bits that must be set, else the stretch is a gap "not-ready": names from the file's `DQShortnames` (`DATA`,
   * `CBC_CAT1`) or `InjShortnames` (`NO_CBC_HW_INJ`), or numbers of bits of the DQ mask. Default: none.
   */
  readonly requireQuality?: readonly QualityBit[];
  /**
   * Seconds per block; a whole number of samples. Default 1: a block then is small beside any filter, and its own cost
   * (a few µs) small beside its reading (0.2 ms at 4096 Hz). Reads are longer, whatever the blocks are.
   */
  readonly blockLength?: number;
  /** What a chunk that fails its checksum, or an infinite value, is. Default "error": no one loses data unasked. */
  readonly damaged?: "error" | "gap";
  /** What a stretch of NaN is. Default "gap": it is how the field writes "no data". */
  readonly missing?: "gap" | "error";
  /**
   * Where files are parsed. "worker" (default): a thread of its own, so that a file can neither block nor confuse this
   * one. "process": a child process, for files from strangers, which survives even an abort of the engine; samples are
   * copied once more. "none": this thread.
   */
  readonly isolation?: Isolation;
  /** Longest time for one read or description, ms, after which the parser is ended. Default 60 000; not with "none". */
  readonly timeoutMs?: number;
  /** Gives up opening. */
  readonly signal?: AbortSignal;
}

/** Files, opened as streams. */
export interface Hdf5Source {
  /** One reader per channel: by detector, or by the dataset's name where no detector is known. */
  readonly readers: ReadonlyMap<string, Reader<"strain">>;
  /** All channels in one stream; there if every file has all of them on the same grid (aframe, gwpy). */
  readonly together?: Reader<"strain">;
  /** What the files say, in the order of their paths. */
  readonly files: readonly FileFacts[];
}

/**
 * Opens strain files of the GWOSC, gwpy and aframe layouts (told by their content) as streams.
 *
 * Files of one channel become one stream: put in order; where they overlap, cut if their samples agree; holes are gaps
 * "missing". Only descriptions are read here; samples follow block by block, in bounded memory.
 *
 * @param paths files or globs
 * @throws `file-not-found`, `hdf5-foreign`, `hdf5-truncated`, `hdf5-damaged`, `hdf5-missing-dataset`, `hdf5-mismatch`,
 * `hdf5-no-data`, `hdf5-timeout`, `hdf5-parser-lost`, `invalid-option`; and from a reader also `hdf5-overlap`,
 * `hdf5-changed`
 */
export async function openHdf5(
  paths: string | readonly string[],
  options: OpenHdf5Options = {},
): Promise<Hdf5Source> {
  const { isolation = "worker", timeoutMs = 60_000, signal } = options;
  const pool = portPool(isolation, timeoutMs);
  const files = await describeAll(await expandPaths(paths), pool, signal);
  const names = chosenChannels(files, options.channels);
  const policy = gapPolicy(options);
  const readers = new Map(
    names.map((name) => [name, readerOf(piecesOf(files, [name]), [name], options, pool, policy)] as const),
  );
  const joint = piecesOf(files, names);
  if (names.length < 2 || joint.length < files.filter((file) => hasAny(file, names)).length)
    return { readers, files };
  return { readers, files, together: readerOf(joint, names, options, pool, policy) };
}

async function describeAll(
  paths: readonly string[],
  pool: PortPool,
  signal: AbortSignal | undefined,
): Promise<FileFacts[]> {
  const port = pool.acquire();
  const files: FileFacts[] = [];
  try {
    for (const path of paths) {
      signal?.throwIfAborted();
      files.push(await port.describe(path));
    }
  } finally {
    await pool.giveBack(port, files.length === paths.length);
  }
  return files;
}

/** The channels asked for, in that order; `H1` also stands for the one dataset of H1. */
function chosenChannels(files: readonly FileFacts[], wanted: readonly string[] | undefined): string[] {
  const all = files.flatMap((file) => file.channels);
  if (wanted === undefined) return [...new Set(all.map(({ channel }) => channel))];
  return wanted.map((name) => {
    const found = all.find(({ channel, dataset }) => channel === name || dataset === name);
    if (found !== undefined) return found.channel;
    const there = [...new Set(all.map(({ channel }) => channel))].join(", ");
    throw hdf5Error(
      "hdf5-missing-dataset",
      `no file has channel ${name}; there ${all.length === 1 ? "is" : "are"} ${there}`,
      { path: files[0]?.path ?? "", channel: name },
    );
  });
}

function hasAny(file: FileFacts, names: readonly string[]): boolean {
  return file.channels.some(({ channel }) => names.includes(channel));
}

/** The parts of a stream of these channels: the files that have them all on one grid. */
function piecesOf(files: readonly FileFacts[], names: readonly string[]): Piece[] {
  return files.flatMap((file) => {
    const channels = names.flatMap((name) => file.channels.find(({ channel }) => channel === name) ?? []);
    const [first] = channels;
    if (first === undefined || channels.length < names.length) return [];
    const { start, size, sampleRate } = first;
    if (channels.some((c) => c.start !== start || c.size !== size || c.sampleRate !== sampleRate)) return [];
    return [{ file, channels, start, end: start + size }];
  });
}

function readerOf(
  pieces: readonly Piece[],
  channels: readonly string[],
  options: OpenHdf5Options,
  pool: PortPool,
  policy: GapPolicy,
): Reader<"strain"> {
  const sampleRate = commonRate(pieces, channels);
  const { blockLength = 1, gpsStart, gpsEnd } = options;
  const blockSize = blockLength * sampleRate;
  if (!(blockSize >= 1) || !Number.isSafeInteger(blockSize))
    throw invalidOption(
      "openHdf5",
      "blockLength",
      blockLength,
      `a whole number of samples at ${sampleRate} Hz, in s`,
    );
  const start = gpsIndex("gpsStart", gpsStart, sampleRate) ?? Math.min(...pieces.map((piece) => piece.start));
  const end = gpsIndex("gpsEnd", gpsEnd, sampleRate) ?? Math.max(...pieces.map((piece) => piece.end));
  if (!pieces.some((piece) => piece.start < end && piece.end > start) || start >= end)
    throw hdf5Error(
      "hdf5-no-data",
      `${channels.join(", ")}: no file has data in GPS [${start / sampleRate}, ${end / sampleRate}); the files cover ` +
        pieces.map((piece) => `[${piece.start / sampleRate}, ${piece.end / sampleRate})`).join(", "),
      { path: pieces[0]?.file.path ?? "", gpsStart, gpsEnd },
    );
  // Asked now, so that a bit that does not exist is told at once, not in the middle of the stream.
  for (const piece of pieces) for (const channel of piece.channels) policy.notReady(piece, channel);
  return createStretchReader({ sampleRate, channels }, arrange(pieces, start, end), blockSize, pool, policy);
}

function commonRate(pieces: readonly Piece[], channels: readonly string[]): number {
  const [first] = pieces;
  const rate = first?.channels[0]?.sampleRate ?? 0;
  const other = pieces.find((piece) => piece.channels[0]?.sampleRate !== rate);
  if (first === undefined || other === undefined) return rate;
  throw hdf5Error(
    "hdf5-mismatch",
    `${channels.join(", ")}: ${first.file.path} has ${rate} Hz and ${other.file.path} has ${other.channels[0]?.sampleRate} Hz; ` +
      "open them apart and resample one",
    { path: first.file.path, otherPath: other.file.path },
  );
}

function gpsIndex(option: string, seconds: number | undefined, sampleRate: number): number | undefined {
  if (seconds === undefined) return undefined;
  if (!Number.isFinite(seconds)) throw invalidOption("openHdf5", option, seconds, "a time in GPS seconds");
  return nearestIndex(secondsToNs(seconds), sampleRate);
}

function gapPolicy({ damaged = "error", missing = "gap", requireQuality = [] }: OpenHdf5Options): GapPolicy {
  const known = new Map<string, readonly Mark[]>();
  return {
    damaged,
    missing,
    notReady(piece, channel) {
      if (requireQuality.length === 0) return [];
      const key = `${piece.file.path}\0${channel.dataset}`;
      const marks = known.get(key) ?? notReadyMarks(piece.file, channel, requireQuality);
      known.set(key, marks);
      return marks;
    },
  };
}
