import type { SampleArray } from "@strainflow/series";

/** What {@link InputBuffer.save} gives. */
export interface InputBufferState {
  readonly start: number;
  readonly data: readonly Float64Array[];
}

/**
 * The newest samples of every channel as float64, under their absolute indexes: where a filter finds its past.
 *
 * Its memory is reused: what it hands out holds until the next `append`.
 */
export class InputBuffer {
  readonly #channels: number;
  #arrays: Float64Array[];
  #offset = 0;
  #size = 0;
  #start = 0;

  constructor(channels: number) {
    this.#channels = channels;
    this.#arrays = Array.from({ length: channels }, () => new Float64Array(0));
  }

  /** Absolute index of the first sample held. */
  get start(): number {
    return this.#start;
  }

  /** Absolute index just past the newest sample. */
  get end(): number {
    return this.#start + this.#size;
  }

  /** Forgets everything; the next sample is `start`. */
  begin(start: number): void {
    this.#offset = 0;
    this.#size = 0;
    this.#start = start;
  }

  append(data: readonly SampleArray[], from: number, to: number): void {
    const added = to - from;
    this.#reserve(added);
    const at = this.#offset + this.#size;
    for (let channel = 0; channel < this.#channels; channel++) {
      const array = this.#arrays[channel]!;
      const samples = data[channel]!;
      for (let n = 0; n < added; n++) array[at + n] = samples[from + n]!;
    }
    this.#size += added;
  }

  appendZeros(size: number): void {
    this.#reserve(size);
    const at = this.#offset + this.#size;
    for (const array of this.#arrays) array.fill(0, at, at + size);
    this.#size += size;
  }

  /** The array that holds a channel; sample `index` lies at `index − origin`. */
  array(channel: number): Float64Array {
    return this.#arrays[channel]!;
  }

  /** Absolute index of element 0 of {@link array}. */
  get origin(): number {
    return this.#start - this.#offset;
  }

  /** Nothing before `index` will be asked for again. */
  forgetBefore(index: number): void {
    const dropped = Math.min(Math.max(index - this.#start, 0), this.#size);
    this.#offset += dropped;
    this.#start += dropped;
    this.#size -= dropped;
  }

  save(): InputBufferState {
    return {
      start: this.#start,
      data: this.#arrays.map((array) => array.slice(this.#offset, this.#offset + this.#size)),
    };
  }

  restore(state: InputBufferState): void {
    this.begin(state.start);
    this.append(state.data, 0, state.data[0]?.length ?? 0);
  }

  /** Makes room at the end: by moving what is held to the front, or to larger arrays when they are half full. */
  #reserve(added: number): void {
    const capacity = this.#arrays[0]?.length ?? 0;
    if (this.#offset + this.#size + added <= capacity) return;
    const needed = this.#size + added;
    this.#arrays = this.#arrays.map((array) => {
      const target = 2 * needed > capacity ? new Float64Array(4 * needed) : array;
      target.set(array.subarray(this.#offset, this.#offset + this.#size));
      return target;
    });
    this.#offset = 0;
  }
}
