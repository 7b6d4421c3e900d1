import { checkSampleRate, invalidOption, type Reader, type TimeSeries } from "@strainflow/series";
import { addInjections, type Injection, type ProjectedSignal, projectInjection, psdOf } from "./injection.ts";
import { createNoise } from "./noise.ts";
import type { PsdModel } from "./psd-models.ts";

export interface SimulationOptions {
  /** Detectors, which are the channels. */
  readonly ifos: readonly string[];
  /** Hz. */
  readonly sampleRate: number;
  /** First GPS second. */
  readonly start: number;
  /** GPS second just past the end. */
  readonly end: number;
  /** One PSD for all, or one for each by its prefix. */
  readonly psd: PsdModel | Readonly<Record<string, PsdModel>>;
  readonly seed: string | number;
  /** Signals in the noise. Default none. */
  readonly injections?: readonly Injection[];
  /** Hz from which on the signals are complete. Default 20. */
  readonly lowFrequency?: number;
  /** Samples of the blocks given. Default one second. */
  readonly blockSize?: number;
}

/**
 * Strain as it might have been: coloured Gaussian noise with signals in it, as a source for a pipeline.
 *
 * The samples depend on the options but not on `start`, `end` or `blockSize`: any cut of the same seed is the same data.
 *
 * @throws `invalid-option`, `unknown-detector`
 */
export function simulateStrain(options: SimulationOptions): Reader<"strain"> {
  const { ifos, sampleRate, start, end, psd, seed, injections = [], lowFrequency = 20 } = options;
  checkSampleRate("simulateStrain", sampleRate);
  const { blockSize = sampleRate } = options;
  if (ifos.length === 0) throw invalidOption("simulateStrain", "ifos", "empty", "at least one detector");
  if (!Number.isInteger(blockSize) || blockSize < 1)
    throw invalidOption("simulateStrain", "blockSize", blockSize, "a whole number of samples ≥ 1");
  const [first, last] = [start * sampleRate, end * sampleRate];
  if (!Number.isSafeInteger(first))
    throw invalidOption("simulateStrain", "start", start, "on the sample grid, in GPS s");
  if (!Number.isSafeInteger(last) || last <= first)
    throw invalidOption("simulateStrain", "end", end, `on the sample grid and after start = ${start}`);
  const noises = ifos.map((ifo) => createNoise({ seed, ifo, psd: psdOf(psd, ifo), sampleRate }));
  const signals: readonly ProjectedSignal[] = injections.flatMap((injection) =>
    ifos.map((ifo) => projectInjection(injection, { ifo, sampleRate, lowFrequency })),
  );
  return {
    format: { sampleRate, channels: ifos },
    start: first,
    end: last,
    async *blocks({ signal }) {
      for (let at = first; at < last && !signal.aborted; at += blockSize) {
        const size = Math.min(blockSize, last - at);
        const block: TimeSeries<"strain"> = {
          kind: "series",
          quantity: "strain",
          start: at,
          size,
          sampleRate,
          channels: ifos,
          data: noises.map((noise) => noise.read(at, size)),
        };
        yield addInjections(block, signals);
      }
    },
  };
}
