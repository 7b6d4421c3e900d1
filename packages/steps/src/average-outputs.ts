import {
  type Block,
  checkSampleRate,
  type Gap,
  type GapReason,
  type Inference,
  type InferenceBlock,
  invalidOption,
  type Quantity,
  type SampleArray,
  type Step,
  type StepState,
} from "@strainflow/series";
import { AverageRing } from "./average-ring.ts";
import { checkPlace } from "./continuity.ts";
import { type AverageSnapshot, type AverageWarmup, divisorOf } from "./online-average.ts";
import { floatOutput } from "./output-tensor.ts";
import { takeState } from "./step-state.ts";

export interface OnlineAverageOptions<Q extends Quantity> {
  /** Hz of the stream that comes out, the same as of the stream that went into the model. */
  readonly sampleRate: number;
  /** Names of the channels of the model's output. */
  readonly channels: readonly string[];
  readonly quantity: Q;
  /** Name of the model's output, `[strides, channels, kernelSize]`. */
  readonly output: string;
  /** Samples of one kernel. */
  readonly kernelSize: number;
  /** The model's stride: samples by which one kernel is newer than the one before. */
  readonly updateSize: number;
  /** Kernels that are averaged. */
  readonly numUpdates: number;
  /** Samples at the newest end of each kernel that are not used. Default 0. */
  readonly offset?: number;
  /** Default `"drop"`: a value is the mean of `numUpdates` kernels, or is not there. */
  readonly warmup?: AverageWarmup;
}

interface Cause {
  readonly reason: GapReason;
  readonly detail?: string;
}

interface State {
  readonly step: "online-average";
  readonly first: number | undefined;
  readonly next: number;
  readonly narrow: boolean;
  readonly causes: readonly (Cause | undefined)[];
  readonly ring: AverageSnapshot;
}

/** A finished block of `updateSize` samples: sums and their divisor, or why there is no value. */
interface Finished {
  readonly at: number;
  /** 1, but for the inside of a long gap. */
  readonly blocks: number;
  readonly value: { readonly sums: Float64Array; readonly divisor: number } | Cause;
}

/**
 * Puts overlapping kernels, a model's outputs, together to one stream by averaging.
 *
 * The kernel of output k ends with stride k, at sample `(k + 1) · updateSize` of the stream (a model whose `latency` is
 * not 0 has averaged already). Each kernel finishes one block of `updateSize` samples, which ends
 * `(numUpdates − 1) · updateSize + offset` before the kernel does. At the end of the stream the samples that lag are
 * flushed, as the mean of the kernels there are; the last `offset` samples are `edge`.
 *
 * Beside a gap of outputs, blocks that fewer than `numUpdates` kernels reach are treated as `warmup` says. Blocks of
 * before the first stride are emitted with `"partial"` and `"reference"`, and left out with `"drop"`.
 *
 * In: outputs at `sampleRate / updateSize`. Out: `[channels, n · updateSize]` at `sampleRate`.
 *
 * @throws `invalid-option`; on push `not-contiguous`, `malformed-output`
 */
export function createOnlineAverage<Q extends Quantity>(
  options: OnlineAverageOptions<Q>,
): Step<InferenceBlock, Block<Q>> {
  const where = "createOnlineAverage";
  const sampleRate = checkSampleRate(where, options.sampleRate);
  const {
    channels,
    quantity,
    output,
    kernelSize,
    updateSize,
    numUpdates,
    offset = 0,
    warmup = "drop",
  } = options;
  const ring = new AverageRing({ updateSize, numUpdates, kernelSize, channels: channels.length, offset });
  if (!Number.isInteger(sampleRate / updateSize))
    throw invalidOption(where, "updateSize", updateSize, `a divisor of the sample rate, ${sampleRate} Hz`);
  const outputRate = sampleRate / updateSize;
  const frame = channels.length * kernelSize;

  /** First output, and the one that is due. */
  let first: number | undefined;
  let next = 0;
  let narrow = true;
  /** For the last `numUpdates − 1` outputs, why they are missing. */
  let causes: (Cause | undefined)[] = [];

  /** One stride passes; the block that its kernel finishes, unless it lies before the stream and is left out. */
  function pass(cause: Cause | undefined, flushing = false): Finished[] {
    const { sums, count } = ring.finish();
    const own = next + 1 - numUpdates;
    causes.push(cause);
    if (causes.length > numUpdates) causes.shift();
    const ownCause = causes.length === numUpdates ? causes[0] : undefined;
    next++;
    if (first === undefined || (warmup === "drop" && own < first)) return [];
    // What the end of the stream leaves out is not missing from a mean of what there is.
    const whole =
      flushing && warmup !== "reference" && count > 0 && causes.every((c) => c === undefined || c === END);
    const divisor = whole ? count : divisorOf(count, numUpdates, warmup);
    if (divisor !== undefined) return [{ at: own, blocks: 1, value: { sums, divisor } }];
    if (own < first) return [{ at: own, blocks: 1, value: { reason: "warm-up" } }];
    return [{ at: own, blocks: 1, value: ownCause ?? { reason: "spoiled" } }];
  }

  function pushGap(gap: Gap): Finished[] {
    const cause: Cause =
      gap.detail === undefined ? { reason: gap.reason } : { reason: gap.reason, detail: gap.detail };
    const finished: Finished[] = [];
    const open = Math.min(gap.size, numUpdates);
    for (let i = 0; i < open; i++) finished.push(...pass(cause));
    if (gap.size > open) {
      // Nothing of before the gap is left.
      finished.push({ at: next + 1 - numUpdates, blocks: gap.size - open, value: cause });
      next += gap.size - open;
    }
    return finished;
  }

  function pushOutputs(block: Inference): Finished[] {
    const kernels = floatOutput(where, block, output, frame);
    narrow = kernels instanceof Float32Array;
    const finished: Finished[] = [];
    for (let i = 0; i < block.size; i++) {
      ring.add(kernels.subarray(i * frame, (i + 1) * frame));
      finished.push(...pass(undefined));
    }
    return finished;
  }

  /** Runs of blocks with values, and of gaps with one cause. */
  function join(finished: readonly Finished[]): Block<Q>[] {
    const out: Block<Q>[] = [];
    for (let from = 0, to = 0; from < finished.length; from = to) {
      const { at, value } = finished[from]!;
      for (to = from + 1; to < finished.length && alike(value, finished[to]!.value); ) to++;
      const run = finished.slice(from, to);
      const size = run.reduce((sum, { blocks }) => sum + blocks, 0) * updateSize;
      const place = { quantity, start: at * updateSize - offset, size, sampleRate, channels };
      out.push(
        "reason" in value
          ? { kind: "gap", ...place, ...value }
          : { kind: "series", ...place, data: channels.map((_, c) => divided(run, c)) },
      );
    }
    return out;
  }

  function divided(run: readonly Finished[], channel: number): SampleArray {
    const size = run.length * updateSize;
    const samples = narrow ? new Float32Array(size) : new Float64Array(size);
    run.forEach(({ value }, b) => {
      if ("reason" in value) return;
      for (let i = 0; i < updateSize; i++)
        samples[b * updateSize + i] = value.sums[channel * updateSize + i]! / value.divisor;
    });
    return samples;
  }

  return {
    memory: 0,
    latency: numUpdates - 1 + Math.ceil(offset / updateSize),
    stride: 1 / updateSize,

    push(block: InferenceBlock): readonly Block<Q>[] {
      const place = { ...block, channels };
      checkPlace(where, { sampleRate: outputRate, channels }, first === undefined ? undefined : next, place);
      if (first === undefined) {
        first = block.start;
        next = block.start;
      }
      return join(block.kind === "gap" ? pushGap(block) : pushOutputs(block));
    },

    flush(): readonly Block<Q>[] {
      if (first === undefined) return [];
      const end = next;
      const finished: Finished[] = [];
      for (let i = 1; i < numUpdates; i++) finished.push(...pass(END, true));
      const out = join(finished);
      if (offset > 0)
        out.push({
          kind: "gap",
          quantity,
          start: end * updateSize - offset,
          size: offset,
          sampleRate,
          channels,
          reason: "edge",
        });
      first = undefined;
      causes = [];
      ring.reset();
      return out;
    },

    save(): StepState {
      const state: State = {
        step: "online-average",
        first,
        next,
        narrow,
        causes: [...causes],
        ring: ring.save(),
      };
      return state;
    },

    restore(saved: StepState): void {
      const state = takeState<State>("online-average", saved);
      ({ first, next, narrow } = state);
      causes = [...state.causes];
      ring.restore(state.ring);
    },
  };
}

/** Stands for the strides that never come after the end. */
const END: Cause = { reason: "edge" };

function alike(a: Finished["value"], b: Finished["value"]): boolean {
  if ("reason" in a) return "reason" in b && a.reason === b.reason && a.detail === b.detail;
  return !("reason" in b);
}
