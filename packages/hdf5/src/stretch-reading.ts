import type { SampleArray, StrainflowError } from "@strainflow/series";
import type { Piece, Stretch } from "./arrange.ts";
import { hdf5Error } from "./errors.ts";
import type { BadStretch, ChannelFacts } from "./facts.ts";
import type { FilePort } from "./file-session.ts";
import { clip, infiniteMarks, type Mark, missingMarks, overlay } from "./gap-marks.ts";

/** How values that are not there are taken. */
export interface GapPolicy {
  readonly damaged: "error" | "gap";
  readonly missing: "gap" | "error";
  /** Where each channel must not be used, by file and dataset. */
  notReady(piece: Piece, channel: ChannelFacts): readonly Mark[];
}

/** What one read gave: samples, and the stretches of them that do not count. */
export interface Reading {
  readonly start: number;
  readonly end: number;
  readonly data: readonly SampleArray[];
  readonly marks: readonly Mark[];
  /** Nothing from here on may be handed out, and why. */
  readonly failure?: { readonly at: number; readonly error: StrainflowError };
}

/** About how many bytes of one channel are read at once: 32 s at 4096 Hz. More brings nothing, less costs calls. */
const READ_BYTES = 1 << 20;

/**
 * Cuts a stretch into reads that begin and end on chunk borders, so that no chunk is decompressed twice.
 * Chunks that are longer than a read are read one at a time.
 */
export function* readsOf(
  stretch: Stretch & { readonly piece: Piece },
): Generator<{ start: number; end: number }> {
  const [channel] = stretch.piece.channels;
  if (channel === undefined) return;
  const wanted = READ_BYTES / (channel.dtype === "float32" ? 4 : 8);
  const chunk = Math.max(1, channel.chunkSize);
  const size = Math.max(1, Math.floor(wanted / chunk)) * chunk;
  for (let at = stretch.start; at < stretch.end; ) {
    const local = at - stretch.piece.start;
    const end = Math.min(stretch.end, stretch.piece.start + (Math.floor(local / size) + 1) * size);
    yield { start: at, end };
    at = end;
  }
}

/** Reads `[start, end)` of a stretch, marks what does not count, and compares it with rivals. */
export async function readStretch(
  port: FilePort,
  stretch: Stretch & { readonly piece: Piece },
  { start, end }: { readonly start: number; readonly end: number },
  policy: GapPolicy,
): Promise<Reading> {
  const { piece } = stretch;
  const data: SampleArray[] = [];
  let marks: Mark[] = [];
  let failure: Reading["failure"];
  const fail = (at: number, error: StrainflowError): void => {
    if (failure === undefined || at < failure.at) failure = { at, error };
  };
  for (const channel of piece.channels) {
    const { samples, bad } = await readChannel(port, piece, channel, start, end);
    data.push(samples);
    const label = `${channel.channel} in ${piece.file.path}`;
    const missing = missingMarks(samples, start, label);
    const damaged = overlay(
      infiniteMarks(samples, start, label),
      bad.map((b) => ({
        start: piece.start + b.from,
        end: piece.start + b.to,
        reason: "damaged",
        detail: `${label}: ${b.reason}`,
      })),
    );
    if (policy.damaged === "error" && damaged[0] !== undefined)
      fail(damaged[0].start, damageError(piece, channel, damaged[0].start, bad));
    const absent = damaged.length === 0 ? missing : overlay(missing, damaged);
    if (policy.missing === "error" && absent[0] !== undefined)
      fail(absent[0].start, missingError(piece, channel, absent[0].start));
    marks = overlay(marks, overlay(clip(policy.notReady(piece, channel), start, end), absent));
  }
  for (const rival of stretch.rivals) {
    const from = Math.max(start, rival.start);
    const to = Math.min(end, rival.end);
    if (from < to) await compare(port, piece, rival, data, start, { from, to }, fail);
  }
  return failure === undefined ? { start, end, data, marks } : { start, end, data, marks, failure };
}

async function readChannel(
  port: FilePort,
  piece: Piece,
  channel: ChannelFacts,
  start: number,
  end: number,
): Promise<{ readonly samples: SampleArray; readonly bad: readonly BadStretch[] }> {
  const { path, byteSize, modifiedMs } = piece.file;
  const { data, bad } = await port.read({
    path,
    dataset: channel.dataset,
    from: start - piece.start,
    count: end - start,
    byteSize,
    modifiedMs,
  });
  const known = channel.bad.filter((b) => piece.start + b.to > start && piece.start + b.from < end);
  if (known.length === 0) return { samples: data, bad };
  const clipped = known.map((b) => ({
    ...b,
    from: Math.max(b.from, start - piece.start),
    to: Math.min(b.to, end - piece.start),
  }));
  // A chunk that the index does not have reads as zeros, and one whose entry is broken as anything.
  for (const { from, to } of clipped)
    data.fill(Number.NaN, piece.start + from - start, piece.start + to - start);
  const rest = bad.filter((b) => !clipped.some((k) => b.from < k.to && b.to > k.from));
  return { samples: data, bad: [...clipped, ...rest].sort((a, b) => a.from - b.from) };
}

/** Two files of the same time must say the same, bit for bit, but that no data are no data in whatever NaN. */
async function compare(
  port: FilePort,
  piece: Piece,
  rival: Piece,
  data: readonly SampleArray[],
  start: number,
  { from, to }: { readonly from: number; readonly to: number },
  fail: (at: number, error: StrainflowError) => void,
): Promise<void> {
  for (const [c, channel] of rival.channels.entries()) {
    const { samples } = await readChannel(port, rival, channel, from, to);
    const ours = data[c]!.subarray(from - start, to - start);
    const at = samples.findIndex((sample, i) => !Object.is(sample + 0, ours[i]! + 0));
    if (at < 0) continue;
    const seconds = (from + at) / channel.sampleRate;
    fail(
      from + at,
      hdf5Error(
        "hdf5-overlap",
        `${piece.file.path} and ${rival.file.path} both have ${channel.channel} at GPS ${seconds}, with different samples; leave one of them out`,
        { path: piece.file.path, otherPath: rival.file.path, channel: channel.channel, start: from + at },
      ),
    );
  }
}

function damageError(
  piece: Piece,
  channel: ChannelFacts,
  at: number,
  stretches: readonly BadStretch[],
): StrainflowError {
  const local = at - piece.start;
  const bad = stretches.find(({ from }) => from === local);
  const reason =
    bad === undefined
      ? "a value is infinite"
      : `its ${channel.filters.includes("deflate") ? "compressed " : ""}chunk ${bad.chunk} ${bad.reason}`;
  const usable =
    local === 0
      ? "Nothing before it can be used"
      : `The first ${(local / channel.sampleRate).toFixed(1)} s can be used`;
  return hdf5Error(
    "hdf5-damaged",
    `${piece.file.path}: ${channel.dataset} is damaged from sample ${local.toLocaleString("en")} of ` +
      `${channel.size.toLocaleString("en")} (${reason})\n  ${usable}. Download it again, or pass damaged: "gap" to treat what is damaged as a gap.`,
    { path: piece.file.path, dataset: channel.dataset, sample: local, size: channel.size, reason },
  );
}

function missingError(piece: Piece, channel: ChannelFacts, at: number): StrainflowError {
  const local = at - piece.start;
  return hdf5Error(
    "hdf5-no-data",
    `${piece.file.path}: ${channel.dataset} has no data (NaN) from sample ${local.toLocaleString("en")} of ` +
      `${channel.size.toLocaleString("en")}; pass missing: "gap" to treat it as a gap`,
    { path: piece.file.path, dataset: channel.dataset, sample: local },
  );
}
