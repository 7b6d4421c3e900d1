import type { InputBuffer } from "./input-buffer.ts";
import { averagePeriodograms, type PsdAverage } from "./psd-average.ts";
import { createPeriodogram, meanOf, type Periodogram, type PsdDetrend } from "./psd-periodogram.ts";
import { createTaper } from "./taper.ts";

export interface RollingPsdOptions {
  readonly sampleRate: number;
  readonly channels: number;
  /** Samples of a segment. */
  readonly fftSize: number;
  /** Samples from one segment to the next; segments begin at absolute multiples of it. */
  readonly hopSize: number;
  /** Samples of past that an estimate takes segments from. */
  readonly psdSize: number;
  /** Samples from one estimate to the next: estimate g holds for samples `[g·strideSize, (g + 1)·strideSize)`. */
  readonly strideSize: number;
  readonly average: PsdAverage;
  readonly detrend: Exclude<PsdDetrend, "fast">;
  /** The fraction of an estimate's segments that must be clean. */
  readonly minimumFraction: number;
}

interface Segment {
  /** Begins at sample index·hopSize. */
  readonly index: number;
  /** One periodogram per channel. */
  readonly power: readonly Float64Array[];
}

export interface RollingPsdState {
  readonly next: number;
  readonly cleanStart: number;
  readonly segments: readonly Segment[];
}

/**
 * Welch estimates of the past of a stream, on an absolute grid.
 *
 * Estimate g uses the segments that lie wholly within the `psdSize` samples before g·strideSize and touch no gap; with
 * fewer than the stated fraction of them there is none. So it is the same however the stream was cut, and wherever it
 * began, as soon as its whole past has been seen.
 */
export class RollingPsd {
  readonly bins: number;
  readonly #options: RollingPsdOptions;
  readonly #periodogram: Periodogram;
  #segments: Segment[] = [];
  /** Index of the first segment that has not been measured yet. */
  #next = 0;
  /** Everything from here to the newest sample is clean. */
  #cleanStart = 0;

  constructor(options: RollingPsdOptions) {
    this.#options = options;
    this.#periodogram = createPeriodogram(createTaper("hann", options.fftSize), options.sampleRate);
    this.bins = this.#periodogram.bins;
  }

  begin(start: number): void {
    this.#segments = [];
    this.#next = Math.ceil(start / this.#options.hopSize);
    this.#cleanStart = start;
  }

  /** First sample that is still to be part of a segment. */
  get needsFrom(): number {
    return this.#next * this.#options.hopSize;
  }

  /** Measures the segments that the newest samples complete; `valid` tells whether those are data. */
  update(input: InputBuffer, valid: boolean): void {
    const { fftSize, hopSize, detrend } = this.#options;
    if (!valid) this.#cleanStart = input.end;
    for (; this.#next * hopSize + fftSize <= input.end; this.#next++) {
      const start = this.#next * hopSize;
      if (start < this.#cleanStart) continue;
      const from = start - input.origin;
      const power = Array.from({ length: this.#options.channels }, (_, channel) => {
        const samples = input.array(channel);
        const row = new Float64Array(this.bins);
        this.#periodogram.measure(
          samples,
          from,
          detrend === "exact" ? meanOf(samples, from, fftSize) : 0,
          row,
        );
        return row;
      });
      if (power.every(isFinitePower)) this.#segments.push({ index: this.#next, power });
    }
  }

  /** How many segments estimate `g` is made of when there is no gap. */
  expected(g: number): number {
    const { first, last } = this.#range(g);
    return Math.max(last - first + 1, 0);
  }

  /** Writes estimate `g` of every channel; returns the number of segments in it, or 0 where there is none. */
  estimate(g: number, psd: readonly Float64Array[]): number {
    const { first, last } = this.#range(g);
    const used = this.#segments.filter(({ index }) => index >= first && index <= last);
    if (used.length === 0 || used.length < this.#options.minimumFraction * (last - first + 1)) return 0;
    psd.forEach((values, channel) => {
      averagePeriodograms(
        used.map(({ power }) => power[channel]!),
        this.#options.average,
        values,
      );
    });
    return used.length;
  }

  /** No estimate before `g` will be asked for again. */
  forgetBefore(g: number): void {
    const { first } = this.#range(g);
    while (this.#segments.length > 0 && this.#segments[0]!.index < first) this.#segments.shift();
  }

  save(): RollingPsdState {
    return {
      next: this.#next,
      cleanStart: this.#cleanStart,
      segments: this.#segments.map(({ index, power }) => ({ index, power: power.map((row) => row.slice()) })),
    };
  }

  restore(state: RollingPsdState): void {
    this.#next = state.next;
    this.#cleanStart = state.cleanStart;
    this.#segments = state.segments.map(({ index, power }) => ({
      index,
      power: power.map((row) => row.slice()),
    }));
  }

  #range(g: number): { first: number; last: number } {
    const { strideSize, psdSize, fftSize, hopSize } = this.#options;
    const end = g * strideSize;
    return { first: Math.ceil((end - psdSize) / hopSize), last: Math.floor((end - fftSize) / hopSize) };
  }
}

/** One NaN among the samples is a NaN in every bin. */
function isFinitePower(power: Float64Array): boolean {
  return Number.isFinite(power[0]!) && Number.isFinite(power[power.length >> 1]!);
}
