import { Tensor } from "onnxruntime-node";
import { putStates } from "../sequences/put-states.ts";
import { elementCountOf } from "../tensors/datatypes.ts";
import type { ComputeModel } from "./compute-model.ts";
import type { GraphTensor, LoadSpec, MovedTensor, StateSpec, StepRun } from "./worker-messages.ts";

/** All sizes of an online average. */
interface Averaging {
  readonly input: string;
  readonly output: string;
  readonly outputShape: readonly number[];
  readonly updateShape: readonly number[];
  readonly channels: number;
  readonly kernelSize: number;
  readonly updateSize: number;
  readonly batchSize: number;
  readonly numUpdates: number;
  /** Newest samples of each kernel that are left out. */
  readonly offset: number;
  readonly state: StateSpec;
}

/**
 * The aggregator without ONNX Runtime: overlapping kernels averaged into one stream.
 *
 * Of B kernels of K samples, the newest N·U each (less `offset`); output block b is (1/N)·Σₘ y_{b−m}[… + mU : … + (m+1)U],
 * m = 0 … N − 1. The state is what the blocks that are not complete yet have so far. Sums are taken in float64: the graph's
 * are float32 in an order that is ONNX Runtime's own affair, so the two agree to float32's rounding and not to the bit.
 */
export function createNativeAggregator(spec: LoadSpec): ComputeModel {
  const { native, states } = spec;
  const [state] = states;
  const [output] = native?.outputs ?? [];
  if (native === undefined || state === undefined || output === undefined || states.length !== 1)
    throw new Error("a native aggregator needs one output and one state");
  const { parameters, inputShape } = native;
  const positive = (name: string, value: number, least = 1): number => {
    if (!Number.isSafeInteger(value) || value < least)
      throw new Error(`a native aggregator needs ${name} of at least ${least}, not ${value}`);
    return value;
  };
  const batchSize = positive("a batch", inputShape[0] ?? 0);
  const channels = positive("channels", inputShape.length === 3 ? (inputShape[1] ?? 0) : 1);
  const kernelSize = positive("a kernel", inputShape.at(-1) ?? 0);
  const updateSize = positive("an update", (output.shape.at(-1) ?? 0) / batchSize);
  const numUpdates = positive("strainflow.num_updates", Number(parameters["strainflow.num_updates"]), 2);
  const offset = positive("strainflow.offset", Number(parameters["strainflow.offset"] ?? 0), 0);
  const waiting = (numUpdates - 1) * updateSize;
  if (numUpdates * updateSize + offset > kernelSize)
    throw new Error(
      `${numUpdates} updates of ${updateSize} and an offset of ${offset} exceed a kernel of ${kernelSize}`,
    );
  if (state.datatype !== "FP32" || state.shape.at(-1) !== waiting || state.initial !== undefined)
    throw new Error(`a native aggregator needs an FP32 state of [1, ${waiting}] that begins with zeros`);
  return new NativeAggregator({
    input: native.input,
    output: output.name,
    outputShape: output.shape,
    updateShape: inputShape,
    channels,
    kernelSize,
    updateSize,
    batchSize,
    numUpdates,
    offset,
    // However the configuration lays them out, these are its numbers.
    state:
      elementCountOf(state.shape) === channels * waiting ? state : { ...state, shape: [channels, waiting] },
  });
}

class NativeAggregator implements ComputeModel {
  readonly inputs: readonly GraphTensor[];
  readonly outputs: readonly GraphTensor[];
  readonly #sizes: Averaging;
  /** By sequence: per channel the (N − 1)·U samples that wait for later kernels. */
  readonly #held = new Map<number, Float64Array>();

  constructor(sizes: Averaging) {
    this.#sizes = sizes;
    this.inputs = [{ name: sizes.input, datatype: "FP32", shape: sizes.updateShape }];
    this.outputs = [{ name: sizes.output, datatype: "FP32", shape: sizes.outputShape }];
  }

  async run(
    feeds: Readonly<Record<string, Tensor>>,
    _wanted: readonly string[],
    rows: StepRun["rows"],
  ): Promise<Readonly<Record<string, Tensor>>> {
    const { input, output, outputShape, channels, updateSize, batchSize, numUpdates } = this.#sizes;
    const sequence = rows?.[0];
    const update = feeds[input];
    if (update === undefined || !(update.data instanceof Float32Array) || !sequence)
      throw new Error(`an aggregator needs an FP32 input '${input}' within a sequence`);
    if (update.dims.join() !== this.#sizes.updateShape.join())
      throw new Error(`an update of [${update.dims}] is not [${this.#sizes.updateShape}]`);
    if (sequence.start) this.#held.delete(sequence.state);
    const waiting = (numUpdates - 1) * updateSize;
    const ready = batchSize * updateSize;
    const held = this.#held.get(sequence.state);
    const answer = new Float32Array(channels * ready);
    const next = new Float64Array(channels * waiting);
    for (let c = 0; c < channels; c++) {
      const blocks = this.#overlap(update.data, c);
      for (let i = 0; i < blocks.length; i++) blocks[i] = (blocks[i] ?? 0) / numUpdates;
      for (let i = 0; held !== undefined && i < waiting; i++)
        blocks[i] = (blocks[i] ?? 0) + (held[c * waiting + i] ?? 0);
      answer.set(blocks.subarray(0, ready), c * ready);
      next.set(blocks.subarray(ready), c * waiting);
    }
    if (sequence.end) this.#held.delete(sequence.state);
    else this.#held.set(sequence.state, next);
    return { [output]: new Tensor("float32", answer, outputShape) };
  }

  /** Sums of one channel's kernels where they overlap: B + N − 1 blocks of U samples. */
  #overlap(update: Float32Array, channel: number): Float64Array {
    const { channels, kernelSize, updateSize, batchSize, numUpdates, offset } = this.#sizes;
    const sums = new Float64Array((batchSize + numUpdates - 1) * updateSize);
    const oldest = kernelSize - offset - numUpdates * updateSize;
    for (let m = 0; m < numUpdates; m++)
      for (let b = 0; b < batchSize; b++) {
        const from = (b * channels + channel) * kernelSize + oldest + m * updateSize;
        const to = (b + m) * updateSize;
        for (let i = 0; i < updateSize; i++) sums[to + i] = (sums[to + i] ?? 0) + (update[from + i] ?? 0);
      }
    return sums;
  }

  /** In float64, as it is kept. */
  save(state: number): readonly MovedTensor[] {
    const { channels, numUpdates, updateSize, state: spec } = this.#sizes;
    const held = this.#held.get(state) ?? new Float64Array(channels * (numUpdates - 1) * updateSize);
    return [
      { name: spec.input, datatype: "FP64", shape: spec.shape, buffer: Float64Array.from(held).buffer },
    ];
  }

  restore(state: number, tensors: readonly MovedTensor[]): void {
    for (const { buffer } of putStates([this.#sizes.state], tensors, "FP64"))
      this.#held.set(state, new Float64Array(buffer));
  }

  forget(state: number): void {
    this.#held.delete(state);
  }

  async release(): Promise<void> {
    this.#held.clear();
  }
}
