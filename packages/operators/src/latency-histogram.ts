/** Each bucket is wider than the one before by this factor, which bounds the error of a quantile by half of it. */
const GROWTH = 1.01;
const LEAST_MS = 1e-3;
const BUCKETS = Math.ceil(Math.log(1e10) / Math.log(GROWTH));

/** Durations from 1 µs to 10,000,000 ms, in 9 KB however many there are: quantiles are good to 0.5 %. */
export class LatencyHistogram {
  readonly #counts = new Uint32Array(BUCKETS);
  #count = 0;
  #sum = 0;
  #largest = 0;
  #least = Number.POSITIVE_INFINITY;

  get count(): number {
    return this.#count;
  }

  /** NaN where there is none. */
  get meanMs(): number {
    return this.#sum / this.#count;
  }

  get maxMs(): number {
    return this.#count === 0 ? Number.NaN : this.#largest;
  }

  add(ms: number): void {
    const bucket = Math.floor(Math.log(Math.max(ms, LEAST_MS) / LEAST_MS) / Math.log(GROWTH));
    const at = Math.min(bucket, BUCKETS - 1);
    this.#counts[at] = this.#counts[at]! + 1;
    this.#count++;
    this.#sum += ms;
    this.#largest = Math.max(this.#largest, ms);
    this.#least = Math.min(this.#least, ms);
  }

  /** The duration that a `share` of all do not exceed (nearest rank); NaN where there is none. */
  quantileMs(share: number): number {
    if (this.#count === 0) return Number.NaN;
    const rank = Math.max(1, Math.ceil(share * this.#count));
    let seen = 0;
    let bucket = 0;
    while (bucket < BUCKETS - 1) {
      seen += this.#counts[bucket]!;
      if (seen >= rank) break;
      bucket++;
    }
    const middle = LEAST_MS * GROWTH ** (bucket + 0.5);
    return Math.min(Math.max(middle, this.#least), this.#largest);
  }
}
