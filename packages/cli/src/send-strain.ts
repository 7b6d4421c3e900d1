import {
  type Block,
  endNs,
  indexToNs,
  type Reader,
  StrainflowError,
  secondsToNs,
  startNs,
  utcToGps,
} from "@strainflow/series";
import { createRandom } from "@strainflow/waveforms";
import { createSender, replayPaced, type Sender } from "@strainflow/zeromq";

export interface SendOptions {
  /** One per detector, all over the same stretch; see `openSources`. */
  readonly readers: readonly Reader<"strain">[];
  /** Where to bind: `zmq://127.0.0.1:5555`; port 0 takes a free one. */
  readonly to: string;
  readonly pattern?: "pub" | "push";
  /** Seconds of data per second. Default 1; `Infinity` as fast as they are taken. */
  readonly speed?: number;
  /** Moves the data by whole seconds, so that they begin now, or at a GPS time in seconds. */
  readonly restamp?: "now" | number;
  /** Again and again, each pass where the last one ended. */
  readonly loop?: boolean;
  /** Subscribers to wait for before the first message. Default 1. */
  readonly waitFor?: number;
  /** Fraction of the messages that are lost on purpose, and what decides which. */
  readonly drop?: { readonly fraction: number; readonly seed: string | number };
  readonly signal: AbortSignal;
  /** Bound, and waiting for subscribers. */
  readonly onReady?: (sender: Sender) => void;
  /** A block was sent, or lost on purpose. */
  readonly onSent?: (sent: SentBlock) => void;
}

export interface SentBlock {
  readonly ifo: string;
  /** Number of its message in its stream, from 0. */
  readonly message: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly samples: number;
  readonly dropped: boolean;
}

export interface SendTotals {
  /** Numbered; those that were dropped are among them. */
  readonly messages: number;
  readonly samples: number;
  readonly droppedMessages: number;
  readonly droppedSamples: number;
}

/**
 * Replays strain over ZeroMQ: one stream per detector, a message per block, at the pace at which it would have come. At
 * the end, or when it is stopped, the receivers are told that this was all.
 *
 * @throws `zeromq-endpoint`, `usage`, and the readers' errors
 */
export async function sendStrain(options: SendOptions): Promise<SendTotals> {
  const { readers, signal, pattern = "pub", waitFor = 1 } = options;
  const sender = await createSender({
    endpoint: endpointOf(options.to),
    pattern,
    // As fast as possible, a subscriber is always behind: what waits for it is bounded by the files, not by a count.
    ...(options.speed === Number.POSITIVE_INFINITY ? { highWaterMark: 1_000_000 } : {}),
  });
  const totals = { messages: 0, samples: 0, droppedMessages: 0, droppedSamples: 0 };
  try {
    options.onReady?.(sender);
    if (waitFor > 0 && !(await subscribed(sender, waitFor, signal))) return totals;
    const startNs = readers
      .map(({ start, format }) => indexToNs(start, format.sampleRate))
      .reduce((a, b) => (b < a ? b : a));
    const shift = shiftSeconds(startNs, options.restamp);
    await Promise.all(readers.map((reader) => sendOne(reader, sender, shift, options, totals)));
    await sender.end();
    return totals;
  } finally {
    await sender.close();
  }
}

async function sendOne(
  reader: Reader<"strain">,
  sender: Sender,
  shift: number,
  options: SendOptions,
  totals: { -readonly [name in keyof SendTotals]: number },
): Promise<void> {
  const { speed = 1, loop = false, signal, drop } = options;
  const { sampleRate, channels } = reader.format;
  const ifo = channels.join(",");
  const restampTo = indexToNs(reader.start + shift * sampleRate, sampleRate);
  const streamEnd = loop || reader.end === undefined ? undefined : reader.end + shift * sampleRate;
  let message = 0;
  for await (const block of replayPaced(reader, { speed, loop, signal, restampTo })) {
    const dropped = drop !== undefined && decides(drop, ifo, message) < drop.fraction;
    await sender.send(block, { lose: dropped, ...(streamEnd === undefined ? {} : { streamEnd }) });
    totals.messages++;
    totals.samples += block.size;
    if (dropped) {
      totals.droppedMessages++;
      totals.droppedSamples += block.size;
    }
    options.onSent?.(sent(block, ifo, message++, dropped));
  }
}

function sent(block: Block, ifo: string, message: number, dropped: boolean): SentBlock {
  return { ifo, message, startNs: startNs(block), endNs: endNs(block), samples: block.size, dropped };
}

/** The same messages are dropped however the detectors' streams interleave. */
function decides({ seed }: NonNullable<SendOptions["drop"]>, ifo: string, message: number): number {
  return createRandom(`strainflow drop ${seed} ${ifo}`, message).uniform();
}

/** Whole seconds, so that samples keep their place on every grid and detectors stay in step. */
function shiftSeconds(fromNs: bigint, restamp: SendOptions["restamp"]): number {
  if (restamp === undefined) return 0;
  const second = 1_000_000_000n;
  const off = (restamp === "now" ? secondsToNs(utcToGps(new Date())) : secondsToNs(restamp)) - fromNs;
  return Number(off / second + (off % second > 0n ? 1n : 0n));
}

/** Whether they came; not if it was stopped before. */
async function subscribed(sender: Sender, count: number, signal: AbortSignal): Promise<boolean> {
  const stopped = new Promise<false>((resolve) => {
    if (signal.aborted) resolve(false);
    signal.addEventListener("abort", () => resolve(false), { once: true });
  });
  const came = sender.waitForSubscribers(count).then(() => true as const);
  // Left behind when it was stopped, it fails as the sender closes.
  came.catch(() => undefined);
  return Promise.race([came, stopped]);
}

function endpointOf(address: string): string {
  if (/^(zmq|tcp|ipc):\/\/./.test(address)) return address.replace(/^zmq:\/\//, "tcp://");
  throw new StrainflowError(
    "usage",
    `"${address}" is no address to send on; it is like zmq://127.0.0.1:5555`,
  );
}
