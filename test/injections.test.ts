import { fromReader } from "@strainflow/operators";
import { completeSettings, psdFor, type SearchDetection, search } from "@strainflow/search";
import type { Block, InferenceBlock, Reader } from "@strainflow/series";
import { endOf, nsToSeconds } from "@strainflow/series";
import type { RankedTriggersBlock } from "@strainflow/steps";
import { addInjections, advancedLigoDesign, simulateStrain } from "@strainflow/waveforms";
import { lastValueFrom, toArray } from "rxjs";
import { beforeAll, describe, expect, it } from "vitest";
import { createBareDetector } from "./support/bare-detector.ts";
import { createExpectation, type Recovery, referenceStride } from "./support/expected-recovery.ts";
import { type PlannedInjection, planInjections, signalsOf } from "./support/planned-injections.ts";
import { psdEfficiency } from "./support/psd-efficiency.ts";

/** `npm run test:injections` asks for 500. */
const COUNT = Number(process.env["STRAINFLOW_INJECTIONS"] ?? 100);
/** Bounds on deviations are for 500. */
const wider = Math.max(1, Math.sqrt(500 / COUNT));
/**
 * Seconds from one to the next. Signals lie in one another's PSDs of 32 s: at this distance that takes 0.6 % off every SNR,
 * which is 0.04 of one of 7; at twice the distance 0.4 %.
 */
const SPACING = 12;
/** Optimal SNR of a detector from which on its peak is the signal's, and not the noise's. */
const LOUD = 5;
const THRESHOLD = 8;
const START = 1_000_000_000;
const WARM_UP = 40;
const RATE = 4096;
const IFOS = ["H1", "L1"];
const psd = advancedLigoDesign;

interface Outcome {
  readonly injection: PlannedInjection;
  readonly recovered: Recovery;
  readonly found: boolean;
  readonly expected: readonly Recovery[];
}

describe(`${COUNT} injections of the bank's own templates in noise of Advanced LIGO's design`, () => {
  let outcomes: readonly Outcome[];
  let efficiency: number;
  let stray: readonly SearchDetection[];

  beforeAll(async () => {
    const { model, bank } = await createBareDetector(8);
    const settings = completeSettings({ ...psdFor(undefined), threshold: THRESHOLD });
    const { strideSize } = model.streaming;
    const plan = planInjections({
      bank,
      count: COUNT,
      first: START + WARM_UP,
      spacing: SPACING,
      networkSnr: [5, 14],
      seed: "recovery",
    });
    const noise = simulateStrain({
      ifos: IFOS,
      sampleRate: RATE,
      start: START,
      end: START + WARM_UP + SPACING * COUNT,
      psd,
      seed: "recovery",
    });
    const signals = plan.flatMap((injection) => signalsOf(injection, bank, psd));

    const own = plan.map(() => ({ byIfo: Object.fromEntries(IFOS.map((ifo) => [ifo, 0])), network: 0 }));
    const near = new Map<number, number>();
    plan.forEach((injection, i) => {
      const reference = referenceStride(injection, strideSize);
      for (let stride = reference - 1; stride <= reference + 1; stride++) near.set(stride, i);
    });
    const inference = (block: InferenceBlock): void => {
      if (block.kind === "gap") return;
      const { data } = block.outputs["triggers"]!;
      for (let i = 0; i < block.size; i++) {
        const at = near.get(block.start + i);
        if (at === undefined) continue;
        IFOS.forEach((ifo, d) => {
          const trigger = (i * IFOS.length + d) * bank.templates.length + plan[at]!.template;
          const { byIfo } = own[at]!;
          byIfo[ifo] = Math.max(byIfo[ifo]!, Number(data[3 * trigger]));
        });
      }
    };
    const ranked = (block: RankedTriggersBlock): void => {
      if (block.kind === "gap") return;
      block.statistic.forEach((statistic, i) => {
        const at = near.get(block.start + i);
        if (at !== undefined) own[at]!.network = Math.max(own[at]!.network, statistic);
      });
    };
    const strain = fromReader(withSignals(noise, signals));
    const detections = await lastValueFrom(
      search(strain, model, bank.templates, settings, { inference, ranked }).pipe(toArray()),
    );

    efficiency = psdEfficiency(settings);
    const { singleThreshold } = settings;
    // 10 ms of light travel, and 2 ms.
    const window = Math.floor((0.0100128 + settings.coincidencePad) * bank.sampleRate);
    const expectation = createExpectation({ bank, psd, efficiency, strideSize, singleThreshold, window });
    outcomes = plan.map((injection, i) => ({
      injection,
      recovered: own[i]!,
      found: isFound(injection, detections, bank.sampleRate),
      expected: Array.from({ length: 10 }, (_, draw) => expectation(injection, `${i} ${draw}`)),
    }));
    stray = detections.filter(
      (detection) => !plan.some((injection) => isFound(injection, [detection], bank.sampleRate)),
    );
  }, 600_000);

  it("each detector's SNR spreads by 1 around what a maximum over time finds of the optimal one", () => {
    const loud = singles(outcomes, LOUD);
    console.log(
      `detectors, optimal SNR from ${LOUD} on: ${told(loud.recovered)}; expected ${told(loud.expected)}`,
    );
    expect(Math.abs(loud.recovered.deviation - 1)).toBeLessThan(0.1 * wider);
    expectMean(loud);

    // At any SNR: then the loudest of three strides is often noise, which the expectation has as well.
    const all = singles(outcomes, 0);
    console.log(`all: ${told(all.recovered)}; expected ${told(all.expected)}`);
    expect(Math.abs(all.recovered.deviation - all.expected.deviation)).toBeLessThan(0.1 * wider);
    expectMean(all);
  });

  it("what is expected agrees with the theory of a loud signal", () => {
    // A maximum over phase finds 1/(2ρ) more than there is, and one over time as much again.
    const loudest = outcomes.flatMap(({ injection, expected }) =>
      IFOS.filter((ifo) => injection.byIfo[ifo]!.snr >= 7).map((ifo) => {
        const { snr } = injection.byIfo[ifo]!;
        const mean = moments(expected.map(({ byIfo }) => byIfo[ifo]!)).mean;
        return mean - (efficiency * snr + 1 / snr);
      }),
    );
    const { mean, deviation, count } = moments(loudest);
    expect(Math.abs(mean)).toBeLessThan(0.02 + (3 * deviation) / Math.sqrt(count));
  });

  it("the network's SNR is that of the loudest coincidence over the whole bank", () => {
    const both = {
      recovered: moments(
        outcomes
          .filter(({ recovered }) => recovered.network > 0)
          .map(({ injection, recovered }) => recovered.network - injection.networkSnr),
      ),
      expected: moments(
        outcomes.flatMap(({ injection, expected }) =>
          expected.filter(({ network }) => network > 0).map(({ network }) => network - injection.networkSnr),
        ),
      ),
    };
    console.log(`network: ${told(both.recovered)}; expected ${told(both.expected)}`);
    expect(Math.abs(both.recovered.deviation - both.expected.deviation)).toBeLessThan(0.1 * wider);
    expectMean(both);
  });

  it("as many are found at each SNR as should be, and nothing else", () => {
    const lines: string[] = [];
    for (let low = 5; low < 14; low++) {
      const bin = outcomes.filter(({ injection: { networkSnr: snr } }) => snr >= low && snr < low + 1);
      const { mean, deviation } = expectedCount(bin);
      const found = bin.filter((outcome) => outcome.found).length;
      lines.push(
        `${low}…${low + 1}: ${found} of ${bin.length} (${mean.toFixed(1)} ± ${deviation.toFixed(1)})`,
      );
      expect(Math.abs(found - mean)).toBeLessThan(3.5 * deviation);
    }
    const { mean, deviation } = expectedCount(outcomes);
    const found = outcomes.filter((outcome) => outcome.found).length;
    console.log(
      `found ${found} of ${COUNT} (${mean.toFixed(1)} ± ${deviation.toFixed(1)}); by network SNR ${lines.join(", ")}`,
    );
    expect(Math.abs(found - mean)).toBeLessThan(3 * deviation);
    expect(stray).toEqual([]);
  });
});

interface Pair {
  readonly recovered: Moments;
  readonly expected: Moments;
}

/** Recovered less optimal SNR of the injected template, in every detector in which that is at least `least`. */
function singles(outcomes: readonly Outcome[], least: number): Pair {
  const of = (pick: (outcome: Outcome) => readonly Recovery[]): Moments =>
    moments(
      outcomes.flatMap((outcome) =>
        IFOS.flatMap((ifo) => {
          const { snr } = outcome.injection.byIfo[ifo]!;
          return snr < least ? [] : pick(outcome).map(({ byIfo }) => byIfo[ifo]! - snr);
        }),
      ),
    );
  return { recovered: of(({ recovered }) => [recovered]), expected: of(({ expected }) => expected) };
}

/** Three standard errors, and what the signals themselves do to the PSDs. */
function expectMean({ recovered, expected }: Pair): void {
  expect(Math.abs(recovered.mean - expected.mean)).toBeLessThan(0.06 + 3 / Math.sqrt(recovered.count));
}

/** How many of these should be found, each with its own chance; ten draws out of ten are not taken for certainty. */
function expectedCount(outcomes: readonly Outcome[]): { readonly mean: number; readonly deviation: number } {
  let mean = 0;
  let variance = 0;
  for (const { expected } of outcomes) {
    const loud = expected.filter(({ network }) => network >= THRESHOLD).length;
    const chance = (loud + 0.5) / (expected.length + 1);
    mean += loud / expected.length;
    variance += chance * (1 - chance);
  }
  return { mean, deviation: Math.sqrt(variance) };
}

function isFound(
  injection: PlannedInjection,
  detections: readonly SearchDetection[],
  sampleRate: number,
): boolean {
  return Object.values(injection.byIfo).some(({ peak }) =>
    detections.some(({ gpsNs }) => Math.abs(nsToSeconds(gpsNs) - peak / sampleRate) < 0.05),
  );
}

function withSignals(
  reader: Reader<"strain">,
  signals: Parameters<typeof addInjections>[1],
): Reader<"strain"> {
  return {
    ...reader,
    async *blocks(options): AsyncGenerator<Block<"strain">> {
      for await (const block of reader.blocks(options)) {
        const near = signals.filter((s) => s.start < endOf(block) && s.start + s.data.length > block.start);
        yield addInjections(block, near);
      }
    },
  };
}

interface Moments {
  readonly count: number;
  readonly mean: number;
  readonly deviation: number;
}

function moments(values: readonly number[]): Moments {
  const count = values.length;
  const mean = values.reduce((sum, x) => sum + x, 0) / count;
  return {
    count,
    mean,
    deviation: Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (count - 1)),
  };
}

function told({ count, mean, deviation }: Moments): string {
  return `${mean.toFixed(3)} ± ${(deviation / Math.sqrt(count)).toFixed(3)}, deviation ${deviation.toFixed(3)} of ${count}`;
}
