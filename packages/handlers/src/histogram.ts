/** Upper bounds in seconds, three to a decade: a quantile read off them is within a factor of about two. */
export const SECONDS: readonly number[] = [
  0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30,
];

/** Upper bounds of the sizes of batches. */
export const SIZES: readonly number[] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/** Numbers that a histogram of so many bounds takes: a count for each, one beyond them all, and the sum. */
export function histogramSize(bounds: readonly number[]): number {
  return bounds.length + 2;
}

/** Counts how many values lie where, in memory that may be shared with another thread. */
export class Histogram {
  readonly bounds: readonly number[];
  readonly #cells: Float64Array;

  /** `cells`: {@link histogramSize} of the bounds. */
  constructor(bounds: readonly number[], cells: Float64Array) {
    this.bounds = bounds;
    this.#cells = cells;
  }

  observe(value: number): void {
    let at = 0;
    while (at < this.bounds.length && value > this.bounds[at]!) at++;
    this.#cells[at]! += 1;
    this.#cells[this.bounds.length + 1]! += value;
  }

  /** How many values were at most each bound, and at last how many there were. */
  get cumulative(): readonly number[] {
    let count = 0;
    return Array.from(this.#cells.subarray(0, this.bounds.length + 1), (own) => {
      count += own;
      return count;
    });
  }

  get sum(): number {
    return this.#cells[this.bounds.length + 1]!;
  }
}
