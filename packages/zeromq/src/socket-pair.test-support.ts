import { type Block, endOf, timeSeries } from "@strainflow/series";
import { expect } from "vitest";
import { Pull, Push } from "zeromq";
import type { Notice } from "./incoming-stream.ts";
import type { LiveSource } from "./live-source.ts";
import { receive } from "./receiver.ts";
import type { Receiver, ReceiverOptions } from "./receiver-options.ts";
import { createSender, type Sender, type SenderOptions } from "./sender.ts";

export const LOCAL = "tcp://127.0.0.1:0";
export const RATE = 1024;
export const START: number = 1_400_000_000 * RATE;
export const forever: AbortSignal = new AbortController().signal;

/** What a test leaves behind; closed after it, the last first. */
export const closers: (() => void | Promise<void>)[] = [];
/** Closes what the test opened. */
export async function closeAll(): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}

export async function open(
  pattern: "pub" | "push",
  options: { sender?: Partial<SenderOptions>; receiver?: Partial<ReceiverOptions<"strain">> } = {},
): Promise<{ sender: Sender; receiver: Receiver<"strain">; notices: Notice[] }> {
  const sender = await createSender({ endpoint: LOCAL, pattern, markIntervalMs: 50, ...options.sender });
  closers.push(() => sender.abort());
  const notices: Notice[] = [];
  const receiver = await receiveFrom(sender.endpoint, pattern, {
    onNotice: (n) => notices.push(n),
    ...options.receiver,
  });
  await sender.waitForSubscribers(1, { timeoutMs: 10_000 });
  return { sender, receiver, notices };
}

export async function receiveFrom(
  endpoint: string,
  pattern: "pub" | "push",
  options: Partial<ReceiverOptions<"strain">> = {},
): Promise<Receiver<"strain">> {
  const receiver = await receive({ endpoint, pattern: pattern === "pub" ? "sub" : "pull", ...options });
  closers.push(() => receiver.close());
  return receiver;
}

export function series(
  start: number,
  size: number,
  channels: readonly string[] = ["H1", "L1"],
): Block<"strain"> {
  const data = channels.map((_, c) => Float64Array.from({ length: size }, (_, i) => start + i + c / 8));
  return timeSeries({ quantity: "strain", sampleRate: RATE, channels, start, data });
}

export function gap(start: number, size: number): Block<"strain"> {
  return {
    kind: "gap",
    quantity: "strain",
    sampleRate: RATE,
    channels: ["H1", "L1"],
    start,
    size,
    reason: "not-ready",
    detail: "DQ",
  };
}

export async function read(
  source: LiveSource<"strain">,
  count = Number.POSITIVE_INFINITY,
): Promise<Block<"strain">[]> {
  const out: Block<"strain">[] = [];
  for await (const block of source.blocks({ signal: forever })) {
    if (out.length > 0) expect(block.start).toBe(endOf(out.at(-1)!));
    out.push(block);
    if (out.length >= count) break;
  }
  return out;
}

export function joinGaps(blocks: readonly Block<"strain">[]): Block<"strain">[] {
  const out: Block<"strain">[] = [];
  for (const block of blocks) {
    const last = out.at(-1);
    if (last?.kind === "gap" && block.kind === "gap")
      out[out.length - 1] = { ...last, size: last.size + block.size };
    else out.push(block);
  }
  return out;
}

/** Every value at its place, and all sums equal. */
export function account(blocks: readonly Block[], source: LiveSource, total: number): void {
  let used = 0;
  for (const block of blocks) {
    if (block.kind === "gap") continue;
    used += block.size;
    for (const [c, array] of block.data.entries())
      expect(array.every((value, i) => value === block.start + i + c / 8)).toBe(true);
  }
  const stats = source.stats();
  expect(stats.used).toBe(used);
  expect(stats.used + stats.gap + stats.late).toBe(total);
  expect(stats.total).toBe(total);
  expect(blocks.reduce((sum, block) => sum + block.size, 0)).toBe(total);
  const byReason = Object.values(stats.gaps).reduce((sum, size) => sum + size, 0);
  expect(byReason).toBe(stats.gap + stats.late);
}

/** Passes raw messages on, as `fate` says: drops some, changes others. */
export async function relay(
  from: string,
  fate: (index: number, frames: Buffer[]) => Buffer[] | undefined,
): Promise<string> {
  const input = new Pull({ linger: 0 });
  input.connect(from);
  const output = new Push({ linger: 0 });
  await output.bind("tcp://127.0.0.1:*");
  closers.push(() => {
    input.close();
    output.close();
  });
  void (async () => {
    let index = 0;
    for await (const frames of input) {
      const passed = fate(index++, frames);
      if (passed !== undefined) await output.send(passed);
    }
  })().catch(() => {});
  return output.lastEndpoint!;
}
