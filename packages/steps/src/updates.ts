import {
  type Block,
  checkContinues,
  endOf,
  type GapReason,
  invalidOption,
  reasonBeside,
  type Step,
  type StepState,
  type Tensor,
} from "@strainflow/series";

/** One request's worth of a stream: `batchSize` strides of every channel, ready to be sent. */
export interface Update {
  /** Absolute index of the first sample; `data` covers `[start, start + strideSize × batchSize)`. */
  readonly start: number;
  /** Numbers the sequences of the stream: while it stays, the server's state goes on. */
  readonly sequence: number;
  /** Whether it is the first of its sequence: all samples before it count as zero. */
  readonly first: boolean;
  /** Row-major `[channels, strideSize × batchSize]`; zeros where there is no input. */
  readonly data: Float32Array;
  /** The side tensors of the newest block in it. */
  readonly side: Readonly<Record<string, Tensor>>;
  /** For each stride, why its output cannot be used; `undefined` where it can. */
  readonly marks: readonly (Mark | undefined)[];
}

/** Why an output has no value. */
export interface Mark {
  readonly reason: GapReason;
  readonly detail?: string;
}

/** Strides that are never sent: nothing is in reach of their outputs. */
export interface SkippedStrides {
  readonly start: number;
  readonly sequence: number;
  readonly data?: undefined;
  readonly marks: readonly (Mark | undefined)[];
}

export interface UpdatesOptions {
  /** Hz of the stream. */
  readonly sampleRate: number;
  readonly channels: readonly string[];
  /** Samples between two outputs. */
  readonly strideSize: number;
  /** Strides per update. */
  readonly batchSize: number;
  /** The output of stride `[a, a + strideSize)` depends on input from `a − memory` on. */
  readonly memory: number;
  /**
   * Where updates are cut: at multiples of their size since the GPS epoch, so that two runs cut the same ones
   * (default), or from the stream's first sample, as aframe does.
   */
  readonly anchor?: "grid" | "start";
  /**
   * Samples, from the stream's first on, whose strides are marked `warm-up`. Default: as far as `memory` reaches. With
   * less, strides count whose output still reaches back to the zeros from before the stream.
   */
  readonly burnIn?: number;
}

interface Hole extends Mark {
  start: number;
  end: number;
}

interface State {
  origin: number;
  first: number;
  next: number;
  filled: number;
  data: Float32Array;
  side: Readonly<Record<string, Tensor>>;
  touched: boolean;
  holes: Hole[];
  sequence: number;
  open: boolean;
  last: { start: number; size: number; sampleRate: number; channels: readonly string[] } | undefined;
}

/**
 * Cuts a stream into strided updates for a stateful model.
 *
 * A gap is filled with zeros and the sequence goes on; every stride whose output would touch it is marked. Once nothing
 * before a gap is in reach any more, updates are skipped, and the next one with data begins a new sequence.
 *
 * In: contiguous blocks, any cutting. Out: one update per `strideSize × batchSize` samples. The last one may be filled
 * up with zeros; strides that are not whole are marked `edge`.
 */
export function createUpdates(options: UpdatesOptions): Step<Block, Update | SkippedStrides> {
  const { sampleRate, channels, strideSize, batchSize, memory, burnIn = memory } = options;
  for (const [name, value] of [
    ["strideSize", strideSize],
    ["batchSize", batchSize],
  ] as const)
    if (!Number.isInteger(value) || value < 1)
      throw invalidOption("createUpdates", name, value, "a whole number ≥ 1");
  if (!Number.isInteger(memory) || memory < 0)
    throw invalidOption("createUpdates", "memory", memory, "a whole number of samples ≥ 0");
  if (!(burnIn >= 0)) throw invalidOption("createUpdates", "burnIn", burnIn, "a number of samples ≥ 0");
  const size = strideSize * batchSize;

  let last: Block | undefined;
  /** A sample at which an update may begin. */
  let origin = 0;
  /** First sample of the stream. */
  let first = 0;
  /** First sample of the update being filled. */
  let next = 0;
  let filled = 0;
  let data = new Float32Array(channels.length * size);
  let side: Readonly<Record<string, Tensor>> = {};
  /** Whether the update being filled holds any data. */
  let touched = false;
  let holes: Hole[] = [];
  let sequence = 0;
  /** Whether the current sequence has been given an update. */
  let open = false;

  function markOf(from: number, inputEnd: number): Mark | undefined {
    const to = from + strideSize;
    for (const hole of holes)
      if (hole.start < to && hole.end > from)
        return hole.detail === undefined
          ? { reason: hole.reason }
          : { reason: hole.reason, detail: hole.detail };
    if (to > inputEnd) return { reason: "edge" };
    if (from - burnIn < first) return { reason: "warm-up" };
    for (const hole of holes)
      if (hole.start < to && hole.end > from - memory) return { reason: reasonBeside(hole.reason) };
    return undefined;
  }

  function close(inputEnd: number): Update | SkippedStrides {
    const marks = Array.from({ length: batchSize }, (_, i) => markOf(next + i * strideSize, inputEnd));
    const start = next;
    // Whole and empty, and so is all that its last output reaches back to: the state holds nothing but zeros.
    const reachStart = start + size - Math.max(memory, 1);
    const nothing =
      !touched && (!open || holes.some((hole) => hole.start <= reachStart && hole.end >= start + size));
    next += size;
    filled = 0;
    touched = false;
    holes = holes.filter((hole) => hole.end > next - memory - strideSize);
    if (nothing) {
      if (open) sequence++;
      open = false;
      data.fill(0);
      return { start, sequence, marks };
    }
    const update: Update = { start, sequence, first: !open, data, side, marks };
    open = true;
    data = new Float32Array(channels.length * size);
    return update;
  }

  return {
    memory: memory + size,
    latency: size - 1,
    stride: strideSize,

    push(block: Block): readonly (Update | SkippedStrides)[] {
      checkContinues("updates", last, block);
      if (last === undefined) {
        first = block.start;
        origin = options.anchor === "start" ? first : 0;
        next = origin + Math.floor((first - origin) / size) * size;
        filled = first - next;
        sequence = 0;
        open = false;
      }
      last = block;
      const out: (Update | SkippedStrides)[] = [];
      if (block.kind === "gap") {
        const before = holes.at(-1);
        if (
          before !== undefined &&
          before.end === block.start &&
          before.reason === block.reason &&
          before.detail === block.detail
        )
          before.end = endOf(block);
        else
          holes.push({
            start: block.start,
            end: endOf(block),
            reason: block.reason,
            ...(block.detail === undefined ? {} : { detail: block.detail }),
          });
      }
      for (let from = 0; from < block.size; ) {
        const run = Math.min(block.size - from, size - filled);
        if (block.kind === "series") {
          for (let c = 0; c < channels.length; c++)
            data.set(block.data[c]!.subarray(from, from + run), c * size + filled);
          if (block.side !== undefined) side = block.side;
          touched = true;
        }
        filled += run;
        from += run;
        if (filled === size) out.push(close(next + size));
      }
      return out;
    },

    flush(): readonly (Update | SkippedStrides)[] {
      if (last === undefined) return [];
      const end = endOf(last);
      const out = end > next ? [close(end)] : [];
      last = undefined;
      holes = [];
      side = {};
      return out;
    },

    save(): StepState {
      const state: State = {
        origin,
        first,
        next,
        filled,
        data: data.slice(),
        side,
        touched,
        holes: holes.map((hole) => ({ ...hole })),
        sequence,
        open,
        last: last && { start: last.start, size: last.size, sampleRate, channels },
      };
      return state;
    },

    restore(saved: StepState): void {
      const state = saved as State;
      ({ origin, first, next, filled, side, touched, sequence, open } = state);
      data = state.data.slice();
      holes = state.holes.map((hole) => ({ ...hole }));
      last = state.last && { kind: "gap", quantity: "strain", reason: "missing", ...state.last };
    },
  };
}
