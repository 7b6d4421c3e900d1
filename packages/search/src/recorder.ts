import {
  type Block,
  convertIndexFloor,
  endOf,
  type InferenceBlock,
  nearestIndex,
  type SampleArray,
  type TimeSeries,
} from "@strainflow/series";
import { type RankedTriggersBlock, triggersToSeries } from "@strainflow/steps";
import { createTemplate } from "@strainflow/waveforms";
import { type Calibration, countCalibration } from "./calibration.ts";
import { createGrowingArray } from "./growing-array.ts";
import { countLivetime, type Livetime } from "./livetime.ts";
import { createPanel, type Panel } from "./panel.ts";
import type { SearchDetection, SearchTaps } from "./search.ts";
import type { SearchSettings } from "./settings.ts";

/** A line over the whole run, NaN where there is no value. */
export interface RecordedSeries {
  /** First output, absolute, at `sampleRate`. */
  readonly start: number;
  readonly sampleRate: number;
  readonly values: Float32Array;
}

/** Smallest and largest strain of each bin. */
export interface RecordedEnvelope {
  /** First bin, absolute, at `binRate`. */
  readonly start: number;
  readonly binRate: number;
  readonly low: Float32Array;
  readonly high: Float32Array;
}

/** A detection with what can be seen around it. */
export interface RecordedDetection extends SearchDetection {
  /** By detector; absent where a gap is too near. */
  readonly panels: Readonly<Record<string, Panel>>;
}

/** What is kept of a run, for its summary and its page: a few hundred bytes per second of data. */
export interface RunRecord {
  readonly detections: readonly RecordedDetection[];
  readonly livetime: Livetime;
  readonly calibration: Readonly<Record<string, Calibration>>;
  /** The network statistic, and by detector the loudest SNR of any template. */
  readonly network: RecordedSeries;
  readonly snr: Readonly<Record<string, RecordedSeries>>;
  readonly envelopes: Readonly<Record<string, RecordedEnvelope>>;
}

export interface RunRecorder extends SearchTaps {
  /** Takes a detection, and makes its panels while the strain around it is still at hand. */
  detection(detection: SearchDetection): RecordedDetection;
  result(): RunRecord;
}

const ENVELOPE_RATE = 4;
/** Seconds of strain kept for panels: the longest way from a peak to its detection, and 8 s to measure a PSD on. */
const KEEP_SECONDS = 32;

/**
 * Records a run through the search's taps.
 *
 * @param templateCount templates of the model
 * @param strideSize the model's, to place the template of a panel as the bank does
 */
export function createRecorder(
  settings: SearchSettings,
  templateCount: number,
  strideSize: number,
): RunRecorder {
  const { ifos, sampleRate, highpass } = settings;
  const livetime = countLivetime();
  const calibration = countCalibration(ifos);
  const detections: RecordedDetection[] = [];
  const network = createLine();
  const snr = ifos.map(createLine);
  const envelopes = ifos.map(() => createEnvelope(sampleRate));
  let recent: Block[] = [];

  function panelsOf(detection: SearchDetection): Record<string, Panel> {
    const panels: Record<string, Panel> = {};
    const template = createTemplate(
      { mass1: detection.masses.mass1, mass2: detection.masses.mass2 },
      { sampleRate, strideSize },
    );
    const peakIndex = sampleRate - 1 - strideSize;
    ifos.forEach((ifo, channel) => {
      const peakNs = detection.peakNs[ifo] ?? detection.gpsNs;
      const peak = nearestIndex(peakNs, sampleRate);
      const stretch = contiguousAround(recent, channel, peak, 6 * sampleRate, 2 * sampleRate);
      if (stretch === undefined) return;
      panels[ifo] = createPanel({
        ...stretch,
        sampleRate,
        peak,
        snr: detection.snr[ifo] ?? 0,
        phase: detection.phase[ifo] ?? 0,
        highpass,
        template,
        peakIndex,
      });
    });
    return panels;
  }

  return {
    strain(block) {
      recent.push(block);
      const oldest = endOf(block) - KEEP_SECONDS * sampleRate;
      if (endOf(recent[0]!) < oldest) recent = recent.filter((kept) => endOf(kept) >= oldest);
      if (block.kind === "series")
        block.data.forEach((data, channel) => envelopes[channel]!.add(block.start, data));
    },
    inference(block) {
      calibration.add(block);
      addSnr(block);
    },
    ranked(block) {
      livetime.add(block);
      if (block.kind === "gap") network.add(block, undefined);
      else network.add(block, block.statistic);
    },
    detection(detection) {
      const recorded: RecordedDetection = { ...detection, panels: panelsOf(detection) };
      detections.push(recorded);
      return recorded;
    },
    result() {
      const byIfo = <T>(values: readonly T[]): Record<string, T> =>
        Object.fromEntries(ifos.map((ifo, i) => [ifo, values[i]!]));
      return {
        detections,
        livetime: livetime.result(),
        calibration: calibration.result(detections.map((d) => d.gpsNs)),
        network: network.result(),
        snr: byIfo(snr.map((line) => line.result())),
        envelopes: byIfo(envelopes.map((envelope) => envelope.result())),
      };
    },
  };

  function addSnr(block: InferenceBlock): void {
    const series = triggersToSeries(block, templateCount);
    snr.forEach((line, i) => line.add(series, series.kind === "gap" ? undefined : series.data[i]));
  }
}

interface Placed {
  readonly start: number;
  readonly size: number;
  readonly sampleRate: number;
}

/** A growing line of float32. */
function createLine(): {
  add(block: Placed | RankedTriggersBlock, values: SampleArray | undefined): void;
  result(): RecordedSeries;
} {
  const values = createGrowingArray((size) => new Float32Array(size), Number.NaN);
  let start = 0;
  let sampleRate = 1;
  return {
    add(block, fresh) {
      const { size } = values;
      if (size === 0) ({ start, sampleRate } = block);
      const all = values.extend(size + block.size);
      if (fresh !== undefined) all.set(fresh, size);
    },
    result: () => ({ start, sampleRate, values: values.result() }),
  };
}

function createEnvelope(sampleRate: number): {
  add(start: number, data: SampleArray): void;
  result(): RecordedEnvelope;
} {
  const lows = createGrowingArray((size) => new Float32Array(size), Number.NaN);
  const highs = createGrowingArray((size) => new Float32Array(size), Number.NaN);
  let first: number | undefined;
  return {
    add(start, data) {
      for (let i = 0; i < data.length; ) {
        const bin = convertIndexFloor(start + i, sampleRate, ENVELOPE_RATE);
        first ??= bin;
        const place = bin - first;
        const low = lows.extend(place + 1);
        const high = highs.extend(place + 1);
        const stop = Math.min(data.length, Math.ceil(((bin + 1) * sampleRate) / ENVELOPE_RATE) - start);
        let smallest = low[place]!;
        let largest = high[place]!;
        for (; i < stop; i++) {
          const x = data[i]!;
          if (!(x >= smallest)) smallest = x;
          if (!(x <= largest)) largest = x;
        }
        low[place] = smallest;
        high[place] = largest;
      }
    },
    result: () => ({
      start: first ?? 0,
      binRate: ENVELOPE_RATE,
      low: lows.result(),
      high: highs.result(),
    }),
  };
}

/** One channel's strain around a sample, without a gap; nothing if there is less than 4 s of it. */
function contiguousAround(
  blocks: readonly Block[],
  channel: number,
  peak: number,
  before: number,
  after: number,
): { readonly strain: Float64Array; readonly start: number } | undefined {
  const at = blocks.findIndex((block) => block.start <= peak && endOf(block) > peak);
  if (at < 0) return undefined;
  let first = at;
  let last = at;
  while (first > 0 && blocks[first - 1]!.kind === "series" && blocks[first]!.start > peak - before) first--;
  while (
    last < blocks.length - 1 &&
    blocks[last + 1]!.kind === "series" &&
    endOf(blocks[last]!) < peak + after
  )
    last++;
  const run = blocks.slice(first, last + 1).filter((block): block is TimeSeries => block.kind === "series");
  const from = Math.max(run[0]?.start ?? peak, peak - before);
  const to = Math.min(run.length > 0 ? endOf(run.at(-1)!) : peak, peak + after);
  const sampleRate = blocks[at]!.sampleRate;
  if (run.length !== last - first + 1 || to - from < 4 * sampleRate) return undefined;
  const strain = new Float64Array(to - from);
  for (const block of run) {
    const a = Math.max(from, block.start);
    const b = Math.min(to, endOf(block));
    if (a < b) strain.set(block.data[channel]!.subarray(a - block.start, b - block.start), a - from);
  }
  return { strain, start: from };
}
