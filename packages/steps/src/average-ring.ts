import { invalidOption, type SampleArray } from "@strainflow/series";
import type { AverageOptions, AverageSnapshot } from "./online-average.ts";

/** The blocks that kernels overlap on: `numUpdates` of them, each with its sum and how many kernels are in it. */
export class AverageRing {
  readonly channels: number;
  readonly updateSize: number;
  readonly numUpdates: number;
  readonly #kernelSize: number;
  readonly #offset: number;
  /** Place in the ring of the oldest block. */
  #oldest = 0;
  #blocks: Float64Array[] = [];
  #counts: number[] = [];

  /** @throws `invalid-option` */
  constructor(options: AverageOptions) {
    const { updateSize, numUpdates, kernelSize, channels = 1, offset = 0 } = options;
    for (const [name, value] of Object.entries({ updateSize, numUpdates, kernelSize, channels }))
      if (!Number.isInteger(value) || value < 1)
        throw invalidOption("createAverageState", name, value, "a whole number ≥ 1");
    if (!Number.isInteger(offset) || offset < 0)
      throw invalidOption("createAverageState", "offset", offset, "a whole number of samples ≥ 0");
    if (numUpdates * updateSize + offset > kernelSize)
      throw invalidOption(
        "createAverageState",
        "numUpdates",
        numUpdates,
        `such that numUpdates · updateSize + offset fits in a kernel of ${kernelSize} samples`,
      );
    this.channels = channels;
    this.updateSize = updateSize;
    this.numUpdates = numUpdates;
    this.#kernelSize = kernelSize;
    this.#offset = offset;
    this.reset();
  }

  /** Adds one kernel `[channels, kernelSize]` to the blocks that it reaches, the oldest one first. */
  add(kernel: SampleArray): void {
    const { updateSize, numUpdates } = this;
    const first = this.#kernelSize - this.#offset - numUpdates * updateSize;
    for (let m = 0; m < numUpdates; m++) {
      const place = (this.#oldest + m) % numUpdates;
      const block = this.#blocks[place]!;
      for (let c = 0; c < this.channels; c++) {
        const from = c * this.#kernelSize + first + m * updateSize;
        for (let i = 0; i < updateSize; i++)
          block[c * updateSize + i] = block[c * updateSize + i]! + kernel[from + i]!;
      }
      this.#counts[place]!++;
    }
  }

  /** Takes the oldest block out, `[channels, updateSize]`: every kernel that reaches it has been there. */
  finish(): { readonly sums: Float64Array; readonly count: number } {
    const place = this.#oldest;
    const finished = { sums: this.#blocks[place]!, count: this.#counts[place]! };
    this.#blocks[place] = new Float64Array(this.channels * this.updateSize);
    this.#counts[place] = 0;
    this.#oldest = (place + 1) % this.numUpdates;
    return finished;
  }

  reset(): void {
    this.#oldest = 0;
    this.#blocks = Array.from(
      { length: this.numUpdates },
      () => new Float64Array(this.channels * this.updateSize),
    );
    this.#counts = this.#blocks.map(() => 0);
  }

  save(): AverageSnapshot {
    const { channels, updateSize, numUpdates } = this;
    const kept = (numUpdates - 1) * updateSize;
    const sums = new Float64Array(channels * kept);
    const counts: number[] = [];
    for (let m = 0; m < numUpdates - 1; m++) {
      const place = (this.#oldest + m) % numUpdates;
      counts.push(this.#counts[place]!);
      for (let c = 0; c < channels; c++)
        sums.set(
          this.#blocks[place]!.subarray(c * updateSize, (c + 1) * updateSize),
          c * kept + m * updateSize,
        );
    }
    return { counts, sums };
  }

  restore(saved: AverageSnapshot): void {
    const { channels, updateSize, numUpdates } = this;
    const kept = (numUpdates - 1) * updateSize;
    this.reset();
    for (let m = 0; m < numUpdates - 1; m++) {
      this.#counts[m] = saved.counts[m]!;
      for (let c = 0; c < channels; c++)
        this.#blocks[m]!.set(
          saved.sums.subarray(c * kept + m * updateSize, c * kept + (m + 1) * updateSize),
          c * updateSize,
        );
    }
  }
}
