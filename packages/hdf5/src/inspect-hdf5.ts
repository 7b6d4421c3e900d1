import { resolve } from "node:path";
import type { GapReason } from "@strainflow/series";
import type { ChannelFacts, FileFacts, Layout } from "./facts.ts";
import type { FilePort } from "./file-session.ts";
import type { Mark } from "./gap-marks.ts";
import { type Isolation, portPool } from "./port-pool.ts";
import { secondsPerBit } from "./quality.ts";
import { readStretch, readsOf } from "./stretch-reading.ts";

export interface InspectHdf5Options {
  /** Whether to read all samples and look for gaps and damage. Default true; about 6 s per GB. */
  readonly scan?: boolean;
  /** As in `openHdf5`. Default "worker". */
  readonly isolation?: Isolation;
  /** As in `openHdf5`. Default 60 000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** What one file holds. */
export interface Hdf5Inspection {
  readonly path: string;
  readonly layout: Layout;
  readonly byteSize: number;
  readonly channels: readonly ChannelInspection[];
}

export interface ChannelInspection {
  readonly channel: string;
  readonly dataset: string;
  /** Hz. */
  readonly sampleRate: number;
  /** First sample, counted from the GPS epoch. */
  readonly start: number;
  /** Samples. */
  readonly size: number;
  readonly unit: string;
  readonly dtype: "float32" | "float64";
  /** Samples per stored chunk; 0 where the dataset is stored in one piece. */
  readonly chunkSize: number;
  /** Filters that each chunk went through: `["fletcher32", "deflate"]`. */
  readonly filters: readonly string[];
  /** For every bit of the masks: its name and for how many seconds it is set. */
  readonly quality: readonly {
    readonly mask: "quality" | "injections";
    readonly bit: number;
    readonly name: string;
    readonly description: string;
    readonly seconds: number;
  }[];
  /** Stretches without usable samples, in samples since the GPS epoch; absent if the samples were not read. */
  readonly gaps?: readonly {
    readonly start: number;
    readonly end: number;
    readonly reason: GapReason;
    readonly detail?: string;
  }[];
}

/**
 * Reads what a file says about itself, and, unless told otherwise, all of its samples.
 *
 * Damage is reported, not thrown, as long as the file can be opened.
 *
 * @throws `file-not-found`, `hdf5-foreign`, `hdf5-truncated`, `hdf5-damaged` (if the structure is broken), `hdf5-timeout`
 */
export async function inspectHdf5(path: string, options: InspectHdf5Options = {}): Promise<Hdf5Inspection> {
  const { scan = true, isolation = "worker", timeoutMs = 60_000, signal } = options;
  const pool = portPool(isolation, timeoutMs);
  const port = pool.acquire();
  try {
    const file = await port.describe(resolve(path));
    const channels: ChannelInspection[] = [];
    for (const channel of file.channels) {
      const facts = inspectChannel(channel);
      channels.push(scan ? { ...facts, gaps: await gapsOf(port, file, channel, signal) } : facts);
    }
    return { path: file.path, layout: file.layout, byteSize: file.byteSize, channels };
  } finally {
    // Files are inspected one by one: the thread ends with its file.
    await pool.giveBack(port, false);
  }
}

function inspectChannel({ masks, ...channel }: ChannelFacts): ChannelInspection {
  return {
    ...channel,
    quality: masks.flatMap((mask) =>
      secondsPerBit(mask, channel.sampleRate).map((bit, i) => ({ mask: mask.kind, bit: i, ...bit })),
    ),
  };
}

async function gapsOf(
  port: FilePort,
  file: FileFacts,
  channel: ChannelFacts,
  signal: AbortSignal | undefined,
): Promise<Mark[]> {
  const { start, size } = channel;
  const piece = { file, channels: [channel], start, end: start + size };
  const stretch = { start, end: start + size, piece, rivals: [] };
  const gaps: Mark[] = [];
  for (const span of readsOf(stretch)) {
    signal?.throwIfAborted();
    const { marks } = await readStretch(port, stretch, span, {
      damaged: "gap",
      missing: "gap",
      notReady: () => [],
    });
    for (const mark of marks) {
      const last = gaps.at(-1);
      if (last?.end === mark.start && last.reason === mark.reason && last.detail === mark.detail)
        gaps[gaps.length - 1] = { ...last, end: mark.end };
      else gaps.push(mark);
    }
  }
  return gaps;
}
