/** A peak that nothing can take away any more. */
export interface Peak {
  readonly index: number;
  readonly value: number;
}

/** What {@link PeakWalk.save} gives. */
export interface PeakWalkState {
  readonly start: number;
  readonly values: Float64Array;
  readonly started: boolean;
}

/**
 * aframe's clustering of one series, sample by sample.
 *
 * It stands at a candidate, at first the largest of the first `half` samples. If any of the next `half` samples is larger
 * it goes to the (first) largest of them; otherwise the candidate is a peak, and the next one is `half + 1` further on.
 * It never looks back. A peak at i is certain once sample `i + half` is there, or at the end of the series.
 */
export class PeakWalk {
  readonly #half: number;
  /** Index of the candidate; of the first sample while there is none. */
  #start = 0;
  /** Samples from `#start` on. */
  #values: Float64Array = new Float64Array(0);
  #started = false;

  constructor(half: number) {
    this.#half = half;
  }

  /** A new series begins at `index`. */
  begin(index: number): void {
    this.#start = index;
    this.#values = new Float64Array(0);
    this.#started = false;
  }

  /** Index of the oldest sample that may still become a peak. */
  get start(): number {
    return this.#start;
  }

  /** Takes the next samples of the series. */
  push(samples: ArrayLike<number>): Peak[] {
    const known = this.#values.length;
    const joined = new Float64Array(known + samples.length);
    joined.set(this.#values);
    for (let i = 0; i < samples.length; i++) {
      const value = samples[i]!;
      // A score that is not a number is never the loudest.
      joined[known + i] = Number.isNaN(value) ? Number.NEGATIVE_INFINITY : value;
    }
    this.#values = joined;
    return this.#walk(false);
  }

  /** The series ends: what is left is decided with the samples there are. */
  end(): Peak[] {
    return this.#walk(true);
  }

  save(): PeakWalkState {
    return { start: this.#start, values: this.#values.slice(), started: this.#started };
  }

  restore(state: PeakWalkState): void {
    this.#start = state.start;
    this.#values = state.values;
    this.#started = state.started;
  }

  #walk(last: boolean): Peak[] {
    const half = this.#half;
    const values = this.#values;
    const peaks: Peak[] = [];
    let at = 0;
    if (!this.#started) {
      if (values.length < half && !(last && values.length > 0)) return peaks;
      at = largest(values, 0, Math.min(half, values.length));
      this.#started = true;
    }
    while (at < values.length) {
      const stop = at + half + 1;
      if (stop > values.length && !last) break;
      const next = largest(values, at + 1, Math.min(stop, values.length));
      if (next >= 0 && values[next]! > values[at]!) at = next;
      else {
        peaks.push({ index: this.#start + at, value: values[at]! });
        at = stop;
      }
    }
    this.#values = values.slice(Math.min(at, values.length));
    this.#start += at;
    return peaks;
  }
}

/** Place of the first largest value in `[from, to)`, −1 if that is empty. */
function largest(values: Float64Array, from: number, to: number): number {
  let best = from < to ? from : -1;
  for (let i = from + 1; i < to; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
