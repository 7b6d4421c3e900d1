import type { SampleArray } from "@strainflow/series";

/** What {@link History.save} gives. */
export interface HistoryState {
  readonly start: number;
  readonly data: readonly SampleArray[];
}

/**
 * The newest samples of a stream without gaps, of which windows are cut as views.
 *
 * Memory that has been handed out is never written again: samples are appended to an arena, and a full arena is left
 * to its views while the samples still needed move to a new one. An append costs its own length, on average.
 */
export class History {
  #arena: readonly SampleArray[] = [];
  /** Place in the arena of the first sample held. */
  #offset = 0;
  #size = 0;
  #start = 0;
  readonly #capacity: number;

  /** `keepSize`: how many samples a window and its stride need; arenas hold a few of them. */
  constructor(keepSize: number) {
    this.#capacity = 4 * keepSize;
  }

  /** Absolute index just past the newest sample. */
  get end(): number {
    return this.#start + this.#size;
  }

  append(start: number, data: readonly SampleArray[]): void {
    const added = data[0]?.length ?? 0;
    if (this.#size === 0) this.#start = start;
    const used = this.#offset + this.#size;
    const room = (this.#arena[0]?.length ?? 0) - used;
    if (room < added || !sameKinds(this.#arena, data)) this.#move(data, added);
    const at = this.#offset + this.#size;
    data.forEach((samples, channel) => {
      this.#arena[channel]?.set(samples, at);
    });
    this.#size += added;
  }

  /** Samples `[from, to)` of every channel. */
  view(from: number, to: number): SampleArray[] {
    const at = this.#offset + from - this.#start;
    return this.#arena.map((samples) => samples.subarray(at, at + to - from));
  }

  /** Nothing before `index` will be asked for again. */
  forgetBefore(index: number): void {
    const dropped = Math.min(Math.max(index - this.#start, 0), this.#size);
    this.#offset += dropped;
    this.#start += dropped;
    this.#size -= dropped;
  }

  clear(): void {
    this.#offset += this.#size;
    this.#size = 0;
  }

  save(): HistoryState {
    return { start: this.#start, data: this.view(this.#start, this.end).map((samples) => samples.slice()) };
  }

  restore(state: HistoryState): void {
    this.#arena = [];
    this.#offset = 0;
    this.#size = 0;
    this.#start = state.start;
    if ((state.data[0]?.length ?? 0) > 0) this.append(state.start, state.data);
  }

  #move(data: readonly SampleArray[], added: number): void {
    const kept = this.view(this.#start, this.end);
    const length = Math.max(this.#capacity, 2 * (this.#size + added));
    this.#arena = data.map((samples, channel) => {
      const old = this.#size === 0 ? undefined : kept[channel];
      const narrow = samples instanceof Float32Array && (old === undefined || old instanceof Float32Array);
      const arena = narrow ? new Float32Array(length) : new Float64Array(length);
      if (old !== undefined) arena.set(old);
      return arena;
    });
    this.#offset = 0;
  }
}

/** Whether the arena takes the samples without rounding them. */
function sameKinds(arena: readonly SampleArray[], data: readonly SampleArray[]): boolean {
  return data.every((samples, i) => arena[i] instanceof Float64Array || samples instanceof Float32Array);
}
