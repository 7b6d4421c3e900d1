import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createHdf5Writer } from "@strainflow/hdf5";
import { type Block, endOf, isStrainflowError, secondsToNs, startNs } from "@strainflow/series";
import { receive } from "@strainflow/zeromq";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openSources } from "./replay-sources.ts";
import { type SendOptions, type SentBlock, sendStrain } from "./send-strain.ts";

const RATE = 1024;
const START = 1_000_000_000;
let folder = "";
let files: string[] = [];
let readers: SendOptions["readers"] = [];

/** H1 for 10 s, L1 for the last 8 of them: sample n of the clock has the value n mod 997. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "strainflow-send-"));
  files = await Promise.all([writeFile("H1", 0, 10), writeFile("L1", 2, 10)]);
  readers = await openSources(files, { blockLength: 0.5, signal: new AbortController().signal });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function writeFile(ifo: string, from: number, to: number): Promise<string> {
  const path = join(folder, `${ifo}.hdf5`);
  const writer = createHdf5Writer(path, { layout: "gwosc" });
  const start = (START + from) * RATE;
  const size = (to - from) * RATE;
  const data = [Float64Array.from({ length: size }, (_, n) => (start + n) % 997)];
  await writer.write({
    kind: "series",
    quantity: "strain",
    start,
    size,
    sampleRate: RATE,
    channels: [ifo],
    data,
  });
  await writer.close();
  return path;
}

interface Received {
  readonly blocks: Record<string, Block[]>;
  readonly totals: Awaited<ReturnType<typeof sendStrain>>;
  readonly sent: SentBlock[];
  readonly stats: Record<string, Readonly<Record<string, unknown>>>;
}

/** Sends to a receiver in this process, and gives what came. */
async function exchange(over: Partial<SendOptions> = {}): Promise<Received> {
  const sent: SentBlock[] = [];
  const blocks: Record<string, Block[]> = {};
  const stats: Received["stats"] = {};
  let receiving: Promise<void> | undefined;
  const totals = await sendStrain({
    readers,
    to: "zmq://127.0.0.1:0",
    speed: 50,
    signal: new AbortController().signal,
    onReady: ({ endpoint }) => {
      receiving = collect(endpoint);
    },
    ...over,
    onSent: (block) => {
      sent.push(block);
      over.onSent?.(block);
    },
  });
  await receiving;
  return { blocks, totals, sent, stats };

  async function collect(endpoint: string): Promise<void> {
    const receiver = await receive({ endpoint, pattern: over.pattern === "push" ? "pull" : "sub" });
    const found = await receiver.sources(["H1", "L1"]);
    await Promise.all(
      found.map(async (source) => {
        const [ifo = ""] = source.format.channels;
        blocks[ifo] = [];
        for await (const block of source.blocks({ signal: new AbortController().signal }))
          blocks[ifo].push(block);
        stats[ifo] = { ...source.stats() };
      }),
    );
    await receiver.close();
  }
}

function total(blocks: readonly Block[], kind: Block["kind"]): number {
  return blocks.filter((block) => block.kind === kind).reduce((sum, { size }) => sum + size, 0);
}

describe("sending strain", () => {
  test("all samples arrive in their places, and what a detector lacks as a gap", async () => {
    const { blocks, totals } = await exchange();
    expect(totals).toEqual({
      messages: 40,
      samples: 20 * RATE,
      droppedMessages: 0,
      droppedSamples: 0,
    });
    for (const ifo of ["H1", "L1"]) {
      const own = blocks[ifo]!;
      expect([own[0]!.start, endOf(own.at(-1)!)]).toEqual([START * RATE, (START + 10) * RATE]);
      for (const block of own)
        if (block.kind === "series")
          expect([...block.data[0]!]).toEqual(
            Array.from({ length: block.size }, (_, n) => (block.start + n) % 997),
          );
    }
    expect([total(blocks["H1"]!, "gap"), total(blocks["L1"]!, "gap")]).toEqual([0, 2 * RATE]);
  });

  test("restamped, both detectors move by the same whole seconds", async () => {
    const { blocks } = await exchange({ restamp: 1_200_000_000.25 });
    for (const ifo of ["H1", "L1"]) expect(startNs(blocks[ifo]![0]!)).toBe(secondsToNs(1_200_000_001));
  });

  test("what is dropped on purpose is lost to the receiver, to the sample, and the same for the same seed", async () => {
    const drop = { fraction: 0.2, seed: 3 };
    const [first, again, other] = [
      await exchange({ drop }),
      await exchange({ drop }),
      await exchange({ drop: { ...drop, seed: 4 } }),
    ];
    const numbers = ({ sent }: Received): string[] =>
      sent.flatMap(({ dropped, ifo, message }) => (dropped ? [`${ifo} ${message}`] : [])).toSorted();
    expect(numbers(first).length).toBeGreaterThan(0);
    expect(numbers(again)).toEqual(numbers(first));
    expect(numbers(other)).not.toEqual(numbers(first));
    expect(first.totals.droppedMessages).toBe(numbers(first).length);
    for (const ifo of ["H1", "L1"]) {
      const lost = first.blocks[ifo]!.filter((block) => block.kind === "gap" && block.reason === "lost");
      const dropped = first.sent.filter((block) => block.dropped && block.ifo === ifo);
      expect(total(lost, "gap")).toBe(dropped.reduce((sum, { samples }) => sum + samples, 0));
      expect(first.stats[ifo]).toMatchObject({ lostMessages: dropped.length });
    }
  });

  test("looped, each pass goes on where the last one ended; stopped, the streams are ended in order", async () => {
    const stop = new AbortController();
    const reached = new Set<string>();
    const { blocks, stats } = await exchange({
      loop: true,
      speed: 100,
      signal: stop.signal,
      onSent({ ifo, message }) {
        if (message >= 50) reached.add(ifo);
        if (reached.size === 2) stop.abort();
      },
    });
    for (const ifo of ["H1", "L1"]) {
      const own = blocks[ifo]!;
      expect(total(own, "series") + total(own, "gap")).toBeGreaterThan(20 * RATE);
      own.slice(1).forEach((block, i) => {
        expect(block.start).toBe(endOf(own[i]!));
      });
      expect(stats[ifo]).toMatchObject({ ending: "ended", lostMessages: 0 });
    }
  });

  test("as fast as possible through push, nothing is lost", async () => {
    const { blocks } = await exchange({
      pattern: "push",
      speed: Number.POSITIVE_INFINITY,
      waitFor: 0,
    });
    expect(total(blocks["H1"]!, "series")).toBe(10 * RATE);
  });

  test("stopped while it waits for a subscriber, it leaves", async () => {
    const stop = new AbortController();
    const totals = await sendStrain({
      readers,
      to: "tcp://127.0.0.1:0",
      signal: stop.signal,
      onReady: () => void setImmediate(() => stop.abort()),
    });
    expect(totals.messages).toBe(0);
  });

  test("addresses and files that cannot be used are refused", async () => {
    const signal = new AbortController().signal;
    await expect(sendStrain({ readers, to: "nowhere", signal })).rejects.toSatisfy((error) =>
      isStrainflowError(error, "usage"),
    );
    await expect(openSources(["a.arrow", "b.hdf5"], { blockLength: 1, signal })).rejects.toSatisfy((error) =>
      isStrainflowError(error, "usage"),
    );
    await expect(openSources([join(folder, "no.hdf5")], { blockLength: 1, signal })).rejects.toSatisfy(
      (error) => isStrainflowError(error, "file-not-found"),
    );
  });
});
