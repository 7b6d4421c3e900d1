import { type Block, nearestIndex } from "@strainflow/series";
import { createRandom } from "@strainflow/waveforms";
import { from, lastValueFrom } from "rxjs";
import { countLivetime, type Livetime } from "./livetime.ts";
import type { PlanFacts, PlannedModel } from "./plan-stages.ts";
import { search } from "./search.ts";
import type { SearchSettings } from "./settings.ts";
import { silentModel } from "./silent-model.ts";

/**
 * How much of a stretch without gaps would be searched, and where warm-up and edges lie.
 *
 * The search itself is run, on white noise and with a model that answers zeros: on all of a short stretch, and of a long
 * one on its two ends, which is exact because everything in a search repeats on the clock.
 *
 * @returns nothing where the stretch is not known, as for a live stream
 */
export async function rehearseSearch(
  settings: SearchSettings,
  model: PlannedModel,
  facts: PlanFacts,
): Promise<Livetime | undefined> {
  const { startNs, endNs, rates, templates } = facts;
  if (startNs === undefined || endNs === undefined) return undefined;
  const leftOut = secondsToLeaveOut(settings, model, Number(endNs - startNs) / 1e9);
  const shortNs = endNs - BigInt(leftOut) * 1_000_000_000n;
  const counter = countLivetime();
  const noise = from(whiteNoise(settings.ifos, rates, settings.sampleRate, startNs, shortNs));
  await lastValueFrom(
    search(
      noise,
      silentModel(model),
      // Nothing is detected in zeros, so the masses are never seen.
      Array.from({ length: templates }, () => ({ mass1: 1, mass2: 1 })),
      settings,
      { ranked: (block) => counter.add(block) },
    ),
    { defaultValue: undefined },
  );
  return stretched(counter.result(), leftOut);
}

/** Whole seconds of the middle that need not be rehearsed: a multiple of all periods that a search has. */
function secondsToLeaveOut(settings: SearchSettings, model: PlannedModel, length: number): number {
  const { sampleRate, strideSize, batchSize } = model.streaming;
  const periods = [sampleRate, strideSize * batchSize, Math.round(settings.psdStride * sampleRate)];
  const period = periods.reduce(leastCommonMultiple) / sampleRate;
  const enough = 3 * settings.psdLength + 4 * settings.filterLength + settings.clusterLength + 2 * period + 8;
  return Math.max(0, Math.floor((length - enough) / period)) * period;
}

function leastCommonMultiple(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y > 0) [x, y] = [y, x % y];
  return (a / x) * b;
}

/** Puts the seconds that were left out back into the longest stretch that was searched. */
function stretched(livetime: Livetime, seconds: number): Livetime {
  if (seconds === 0) return livetime;
  const ns = BigInt(seconds) * 1_000_000_000n;
  const length = ({ startNs, endNs }: { readonly startNs: bigint; readonly endNs: bigint }): bigint =>
    endNs - startNs;
  const searched = livetime.segments.filter(({ reason }) => reason === undefined);
  const longest = searched.reduce<(typeof searched)[number] | undefined>(
    (a, b) => (a === undefined || length(b) > length(a) ? b : a),
    undefined,
  );
  if (longest === undefined) return livetime;
  const at = livetime.segments.indexOf(longest);
  return {
    ...livetime,
    endNs: livetime.endNs + ns,
    searchedSeconds: livetime.searchedSeconds + seconds,
    segments: livetime.segments.map((segment, i) => ({
      ...segment,
      startNs: segment.startNs + (i > at ? ns : 0n),
      endNs: segment.endNs + (i >= at ? ns : 0n),
    })),
  };
}

function* whiteNoise(
  ifos: readonly string[],
  rates: PlanFacts["rates"],
  defaultRate: number,
  startNs: bigint,
  endNs: bigint,
): Generator<Block<"strain">> {
  const seconds = Math.ceil(Number(endNs - startNs) / 1e9);
  for (let second = 0; second < seconds; second++) {
    for (const ifo of ifos) {
      const sampleRate = rates[ifo] ?? defaultRate;
      const start = nearestIndex(startNs, sampleRate) + second * sampleRate;
      const size = Math.min(sampleRate, nearestIndex(endNs, sampleRate) - start);
      if (size <= 0) continue;
      const data = new Float64Array(size);
      createRandom(`rehearsal ${ifo}`, second).fillGaussian(data);
      for (let n = 0; n < size; n++) data[n]! *= 1e-21;
      yield { kind: "series", quantity: "strain", start, size, sampleRate, channels: [ifo], data: [data] };
    }
  }
}
