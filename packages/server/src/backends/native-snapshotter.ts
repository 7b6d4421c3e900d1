import { Tensor } from "onnxruntime-node";
import { putStates } from "../sequences/put-states.ts";
import type { ComputeModel } from "./compute-model.ts";
import type { GraphTensor, LoadSpec, MovedTensor, StateSpec, StepRun } from "./worker-messages.ts";

interface Group {
  readonly name: string;
  /** First channel and number of channels. */
  readonly first: number;
  readonly channels: number;
}

/**
 * The snapshotter without ONNX Runtime: a copy of each window, where the graph costs over a hundred times as much.
 *
 * State X `[1, C, L]`, update u `[1, C, S·B]`: with `cat = X[:,:,S:] ++ u`, output i is `cat[:,:,iS:iS+L]` and the new
 * state is the last L samples of `cat`. Several outputs split the channels in order (ml4gw, nn/streaming/snapshotter).
 */
export function createNativeSnapshotter(spec: LoadSpec): ComputeModel {
  const { native, states } = spec;
  const state = states[0];
  if (native === undefined || state === undefined || states.length !== 1)
    throw new Error("a native snapshotter needs exactly one state");
  const [, channels, snapshotSize] = state.shape;
  if (channels === undefined || snapshotSize === undefined || state.datatype !== "FP32")
    throw new Error(
      `a native snapshotter needs an FP32 state of dims [1, channels, snapshot], not [${state.shape}]`,
    );
  let first = 0;
  const groups: Group[] = native.outputs.map(({ name, shape }) => {
    const size = shape[1];
    if (shape.length !== 3 || size === undefined || size < 1 || shape[2] !== snapshotSize)
      throw new Error(
        `output '${name}' of a native snapshotter needs dims [batch, channels, ${snapshotSize}], not [${shape}]`,
      );
    const group = { name, first, channels: size };
    first += size;
    return group;
  });
  if (first !== channels)
    throw new Error(`the outputs of a native snapshotter hold ${first} channels, its state ${channels}`);
  const batch = native.outputs[0]?.shape[0] ?? -1;
  const strideSize = Number(native.parameters["strainflow.stride_size"] ?? Number.NaN);
  const stride = (updateSize: number): number => (batch > 0 ? updateSize / batch : strideSize);
  return new NativeSnapshotter({
    input: native.input,
    groups,
    channels,
    snapshotSize,
    stride,
    state,
  });
}

interface Snapshotting {
  readonly input: string;
  readonly groups: readonly Group[];
  readonly channels: number;
  readonly snapshotSize: number;
  readonly stride: (updateSize: number) => number;
  readonly state: StateSpec;
}

class NativeSnapshotter implements ComputeModel {
  readonly inputs: readonly GraphTensor[];
  readonly outputs: readonly GraphTensor[];
  readonly #shape: Snapshotting;
  readonly #held = new Map<number, Float32Array>();

  constructor(shape: Snapshotting) {
    this.#shape = shape;
    this.inputs = [{ name: shape.input, datatype: "FP32", shape: [1, shape.channels, -1] }];
    this.outputs = shape.groups.map(({ name, channels }) => ({
      name,
      datatype: "FP32",
      shape: [-1, channels, shape.snapshotSize],
    }));
  }

  async run(
    feeds: Readonly<Record<string, Tensor>>,
    wanted: readonly string[],
    rows: StepRun["rows"],
  ): Promise<Readonly<Record<string, Tensor>>> {
    const { input, groups, channels, snapshotSize: size } = this.#shape;
    const sequence = rows?.[0];
    const update = feeds[input];
    if (update === undefined || !(update.data instanceof Float32Array) || !sequence)
      throw new Error(`a snapshotter needs an FP32 input '${input}' within a sequence`);
    const updateSize = update.dims[2] ?? 0;
    const stride = this.#shape.stride(updateSize);
    const batch = updateSize / stride;
    if (
      update.dims.length !== 3 ||
      update.dims[1] !== channels ||
      !Number.isInteger(batch) ||
      stride < 1 ||
      stride > size
    )
      throw new Error(
        `an update of [${update.dims}] is not [1, ${channels}, a whole number of strides of ${stride}]`,
      );

    if (sequence.start) this.#held.delete(sequence.state);
    const held = this.#held.get(sequence.state) ?? this.#initial();
    const kept = size - stride;
    const span = kept + updateSize;
    const cat = new Float32Array(channels * span);
    for (let c = 0; c < channels; c++) {
      cat.set(held.subarray(c * size + stride, (c + 1) * size), c * span);
      cat.set(update.data.subarray(c * updateSize, (c + 1) * updateSize), c * span + kept);
    }
    const outputs: Record<string, Tensor> = {};
    for (const group of groups) {
      if (!wanted.includes(group.name)) continue;
      const windows = new Float32Array(batch * group.channels * size);
      let at = 0;
      for (let i = 0; i < batch; i++)
        for (let c = group.first; c < group.first + group.channels; c++, at += size) {
          const from = c * span + i * stride;
          windows.set(cat.subarray(from, from + size), at);
        }
      outputs[group.name] = new Tensor("float32", windows, [batch, group.channels, size]);
    }
    if (sequence.end) this.#held.delete(sequence.state);
    else {
      const next = new Float32Array(channels * size);
      for (let c = 0; c < channels; c++)
        next.set(cat.subarray((c + 1) * span - size, (c + 1) * span), c * size);
      this.#held.set(sequence.state, next);
    }
    return outputs;
  }

  #initial(): Float32Array {
    const { channels, snapshotSize, state: spec } = this.#shape;
    const state = new Float32Array(channels * snapshotSize);
    if (spec.initial !== undefined) new Uint8Array(state.buffer).set(spec.initial);
    return state;
  }

  save(state: number): readonly MovedTensor[] {
    const held = this.#held.get(state) ?? this.#initial();
    const { input: name, shape } = this.#shape.state;
    return [{ name, datatype: "FP32", shape, buffer: Float32Array.from(held).buffer }];
  }

  restore(state: number, tensors: readonly MovedTensor[]): void {
    for (const { buffer } of putStates([this.#shape.state], tensors))
      this.#held.set(state, new Float32Array(buffer));
  }

  forget(state: number): void {
    this.#held.delete(state);
  }

  async release(): Promise<void> {
    this.#held.clear();
  }
}
