import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openHdf5 } from "@strainflow/hdf5";
import { fromReader } from "@strainflow/operators";
import { completeSettings, createRecorder, psdFor, type RunRecord, search } from "@strainflow/search";
import { type Block, nsToIndex, type Reader } from "@strainflow/series";
import { advancedLigoDesign, createRandom, simulateStrain } from "@strainflow/waveforms";
import { createSender, type LiveStats, receive, replayPaced } from "@strainflow/zeromq";
import { lastValueFrom, merge, type Observable } from "rxjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openInput, type StrainInput } from "../packages/cli/src/input.ts";
import { openLiveInput } from "../packages/cli/src/live-input.ts";
import { runSearch } from "../packages/cli/src/run-search.ts";
import type { Terminal } from "../packages/cli/src/terminal.ts";
import { type BareDetector, createBareDetector } from "./support/bare-detector.ts";
import { startLossyRelay } from "./support/lossy-relay.ts";
import { predictStrides, type Stretch } from "./support/predict-strides.ts";
import { gwosc, withoutGwosc } from "./support/shared.ts";

const RATE = 4096;
const LOCAL = "tcp://127.0.0.1:0";
const never = new AbortController().signal;

const silent: Terminal = {
  say() {},
  line() {},
  warn() {},
  progress() {},
  record() {},
  json: false,
  columns: 100,
};

describe.skipIf(withoutGwosc)("the published strain over ZeroMQ (needs ../shared/gwosc)", () => {
  let out: string;
  beforeAll(async () => {
    out = await mkdtemp(join(tmpdir(), "strainflow-zeromq-"));
  });
  afterAll(() => rm(out, { recursive: true, force: true }));

  it("at 20 × real time gives what the files give, to the last bit", async () => {
    // A live stream does not say how long it will be, so neither may leave the PSD to its length.
    const settings = { templates: 16, psdLength: 8, series: "none" } as const;
    const run = async (opening: Promise<StrainInput>, name: string) => {
      const input = await opening;
      try {
        const shared = { settings, terminal: silent, signal: never, title: name };
        const done = await runSearch({ input, ...shared, out: join(out, name) });
        return { record: done.record, stats: input.stats?.() };
      } finally {
        await input.close();
      }
    };
    const files = await run(openInput([gwosc.H1, gwosc.L1], settings, never), "files");

    const sender = await createSender({ endpoint: LOCAL, pattern: "pub" });
    const source = await openHdf5([gwosc.H1, gwosc.L1], { blockLength: 0.25 });
    const from = performance.now();
    const [live] = await Promise.all([
      run(
        openLiveInput({
          address: sender.endpoint.replace("tcp:", "zmq:"),
          pattern: "sub",
          settings,
          terminal: silent,
          signal: never,
        }),
        "zeromq",
      ),
      (async () => {
        await sender.waitForSubscribers(1, { timeoutMs: 30_000 });
        await Promise.all(
          [...source.readers.values()].map(async (reader) => {
            for await (const block of replayPaced(reader, { speed: 20 })) await sender.send(block);
          }),
        );
        await sender.end();
      })(),
    ]);
    expect(performance.now() - from).toBeGreaterThan(32_000 / 20);
    await sender.close();

    expect(files.record.detections).toHaveLength(1);
    expect(plain(live.record)).toStrictEqual(plain(files.record));
    for (const ifo of ["H1", "L1"])
      expect(live.stats?.[ifo]).toMatchObject({ used: 32 * RATE, gap: 0, late: 0, total: 32 * RATE });
  });
});

/** All numbers of a run. */
function plain({ detections, livetime, network, snr, calibration }: RunRecord): unknown {
  return { detections, livetime, network, snr, calibration };
}

const START = 1_000_000_000;
const SECONDS = 256;
const MESSAGE = RATE / 16;
const MESSAGES = (SECONDS * RATE) / MESSAGE;

describe("messages lost on the way", () => {
  let detector: BareDetector;
  beforeAll(async () => {
    detector = await createBareDetector(4);
  });

  it.each([
    { name: "as short data are searched", settings: psdFor(32), outage: undefined },
    { name: "as long data are searched", settings: psdFor(undefined), outage: undefined },
    {
      name: "with short reaches, so that more is left",
      settings: { psdLength: 4, fftLength: 0.5, filterLength: 0.5 },
      outage: undefined,
    },
    {
      name: "with a detector away for 20 s, and the very first and last message lost",
      settings: { psdLength: 4, fftLength: 1, filterLength: 0.5 },
      outage: { ifo: "L1", start: 1600, end: 1920 },
    },
  ])("1 % of them, $name: every sample is counted, and every stride is as predicted", async (scenario) => {
    const lost = drawLosses(scenario.name);
    if (scenario.outage !== undefined) {
      const { ifo, start, end } = scenario.outage;
      for (let message = start; message < end; message++) lost[ifo]!.add(message);
      lost["H1"]!.add(0);
      lost["L1"]!.add(MESSAGES - 1);
    }
    const settings = completeSettings(scenario.settings);
    const { model, bank } = detector;
    const record = async (strain: Observable<Block<"strain">>): Promise<RunRecord> => {
      const recorder = createRecorder(settings, bank.templates.length, model.streaming.strideSize);
      await lastValueFrom(search(strain, model, bank.templates, settings, recorder), {
        defaultValue: undefined,
      });
      return recorder.result();
    };

    const { run, stats } = await overLossyRoad(lost, record);
    for (const ifo of ["H1", "L1"]) {
      const samples = lost[ifo]!.size * MESSAGE;
      expect(stats[ifo]).toMatchObject({ total: SECONDS * RATE, gap: samples, late: 0 });
      expect(stats[ifo]!.used + stats[ifo]!.gap + stats[ifo]!.late).toBe(SECONDS * RATE);
      expect(stats[ifo]).toMatchObject({ lostMessages: lost[ifo]!.size, gaps: { lost: samples } });
    }

    const { strideSize, memory, latency } = model.streaming;
    const predicted = predictStrides(
      {
        inputRate: RATE,
        stream: { start: START * RATE, end: (START + SECONDS) * RATE },
        lost: Object.fromEntries(Object.entries(lost).map(([ifo, list]) => [ifo, [...list].map(stretchOf)])),
      },
      // Light takes 10 ms from one detector to the other, and a stride 62 ms: only the next one can hold a partner.
      { ...settings, strideSize, memory, latency, neighbours: 1 },
    );
    expect(strideFlags(run, strideSize)).toStrictEqual(predicted.searched);
    const count = predicted.searched.reduce((sum, flag) => sum + flag, 0);
    expect(run.livetime.searchedSeconds).toBe((count * strideSize) / settings.sampleRate);
    expect(run.livetime.searchedSeconds + run.livetime.gapSeconds).toBe(SECONDS);
    console.log(`${scenario.name}: ${run.livetime.searchedSeconds} s searched of ${SECONDS} s`);

    // Nor is too little left out: whatever is far from every loss is as if nothing had been lost.
    expect(predicted.untouched.includes(1)).toBe(settings.psdLength < 32);
    const undisturbed = await record(fromReader(splitReaders()));
    for (const ifo of ["H1", "L1"]) {
      const [ours, whole] = [run.snr[ifo]!.values, undisturbed.snr[ifo]!.values];
      expect(run.snr[ifo]!.start).toBe(predicted.first);
      ours.forEach((value, i) => {
        expect(Number.isFinite(value)).toBe(predicted.inferred[i] === 1);
        if (predicted.untouched[i] === 1) expect(Math.abs(value - whole[i]!)).toBeLessThan(1e-4);
      });
    }
  });

  /** A paced sender, a road that loses messages, a receiver, a search. */
  async function overLossyRoad(
    lost: Losses,
    record: (strain: Observable<Block<"strain">>) => Promise<RunRecord>,
  ): Promise<{ readonly run: RunRecord; readonly stats: Readonly<Record<string, LiveStats>> }> {
    const sender = await createSender({ endpoint: LOCAL, pattern: "push" });
    const relay = await startLossyRelay(sender.endpoint, (ifo, sequence) => lost[ifo]!.has(sequence));
    const receiver = await receive({ endpoint: relay.endpoint, pattern: "pull" });
    const sending = (async () => {
      // One queue for both detectors, in order of time, as one site would send them.
      await Promise.all(
        splitReaders().map(async (reader) => {
          const streamEnd = (START + SECONDS) * RATE;
          for await (const block of replayPaced(reader, { speed: 100 }))
            await sender.send(block, { streamEnd });
        }),
      );
      await sender.end();
    })();
    const sources = await receiver.sources(["H1", "L1"]);
    const run = await record(merge(...sources.map((source) => fromReader(source))));
    await sending;
    const stats = Object.fromEntries(
      sources.map((source) => [source.format.channels.join(), source.stats()] as const),
    );
    const names = Object.entries(lost).flatMap(([ifo, list]) =>
      [...list].map((number) => `${ifo}:${number}`),
    );
    expect([...relay.dropped].sort()).toStrictEqual(names.sort());
    await receiver.close();
    relay.close();
    await sender.close();
    return { run, stats };
  }
});

/** Numbers of the messages that are lost, by detector. */
type Losses = Readonly<Record<string, Set<number>>>;

/** One percent of each detector's messages. */
function drawLosses(seed: string): Losses {
  const draw = (ifo: string): Set<number> => {
    const random = createRandom(`lost messages ${seed} ${ifo}`);
    const lost = new Set<number>();
    while (lost.size < Math.round(MESSAGES / 100)) lost.add(Math.floor(random.uniform() * MESSAGES));
    return lost;
  };
  return { H1: draw("H1"), L1: draw("L1") };
}

function stretchOf(message: number): Stretch {
  const start = START * RATE + message * MESSAGE;
  return { start, end: start + MESSAGE };
}

function splitReaders(): Reader<"strain">[] {
  return ["H1", "L1"].map((ifo) =>
    simulateStrain({
      ifos: [ifo],
      sampleRate: RATE,
      start: START,
      end: START + SECONDS,
      psd: advancedLigoDesign,
      seed: "lossy road",
      blockSize: MESSAGE,
    }),
  );
}

/** What a run says of each stride: 1 where it has searched. */
function strideFlags({ livetime }: RunRecord, strideSize: number): Uint8Array {
  const rate = 2048 / strideSize;
  const first = nsToIndex(livetime.startNs, rate);
  const flags = new Uint8Array(nsToIndex(livetime.endNs, rate) - first);
  for (const { startNs, endNs, reason } of livetime.segments)
    if (reason === undefined) flags.fill(1, nsToIndex(startNs, rate) - first, nsToIndex(endNs, rate) - first);
  return flags;
}
