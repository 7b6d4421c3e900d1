/**
 * Upper bounds in seconds. From a step that only moves data (tens of microseconds) to a network on a slow machine; three
 * to a decade, so that a quantile read off it is within a factor of about two.
 */
const BOUNDS = [
  0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10,
] as const;

/** How many requests took how long. */
export class LatencyHistogram {
  readonly #counts = new Array<number>(BOUNDS.length + 1).fill(0);
  #sum = 0;

  observe(seconds: number): void {
    let at = 0;
    while (at < BOUNDS.length && seconds > (BOUNDS[at] ?? 0)) at++;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sum += seconds;
  }

  /** Cumulative counts by upper bound, as Prometheus has them; the last bound is infinite. */
  get buckets(): readonly { readonly bound: number; readonly count: number }[] {
    let count = 0;
    return this.#counts.map((own, at) => {
      count += own;
      return { bound: BOUNDS[at] ?? Number.POSITIVE_INFINITY, count };
    });
  }

  /** Of all that was observed, in seconds. */
  get sum(): number {
    return this.#sum;
  }
}
