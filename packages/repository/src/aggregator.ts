import { invalidOption } from "@strainflow/series";
import { positive, type SequencePlacement } from "./model-config.ts";
import { createGraph } from "./onnx/graph.ts";
import { onnxModel } from "./onnx-model.ts";
import { pythonModel } from "./python-model.ts";
import type { Model } from "./repository.ts";

export interface AggregatorOptions extends SequencePlacement {
  /** Default `aggregator`. */
  readonly name?: string;
  /** Samples of what is averaged: each update is a kernel of so many output samples, K. */
  readonly kernelSize: number;
  /** Output samples between two kernels, U. */
  readonly updateSize: number;
  /** Kernels per request, B. */
  readonly batchSize: number;
  /** Kernels that go into each output sample, N ≥ 2; N·U + offset ≤ K. */
  readonly numUpdates: number;
  /** Channels of a kernel, `[B, channels, K]`. Without it, kernels are `[B, K]`. */
  readonly channels?: number;
  /** Newest samples of each kernel that are left out: networks are least sure there. Default 0. */
  readonly offset?: number;
  /** Name of the input. Default `update`. */
  readonly input?: string;
  /** Name of the output. Default `output_stream`. */
  readonly output?: string;
}

/**
 * A model that averages overlapping kernels into one stream: takes `[B, K]` (or `[B, C, K]`) and gives the next U·B
 * samples, `[1, U·B]` (or `[1, C, U·B]`), each the mean of the N kernels that hold it.
 *
 * Output block b is (1/N)·Σₘ y_{b−m}[K − offset − N·U + m·U : … + U], m = 0 … min(b, N − 1), and so lags the newest
 * sample used by (N − 1)·U samples. The divisor is N from the start, as in the reference (ml4gw,
 * `nn.streaming.OnlineAverager`): the first N − 1 blocks of a sequence are too small by (b + 1)/N.
 *
 * @throws `invalid-option`
 */
export function buildAggregator(options: AggregatorOptions): Model {
  const { name = "aggregator", kernelSize, updateSize, batchSize, numUpdates, offset = 0 } = options;
  const { input = "update", output = "output_stream" } = options;
  for (const [option, value] of Object.entries({ kernelSize, updateSize, batchSize }))
    positive(name, option, value);
  if (positive(name, "numUpdates", numUpdates) < 2)
    throw invalidOption(name, "numUpdates", numUpdates, "at least 2: there is nothing to average otherwise");
  const used = numUpdates * updateSize;
  if (!Number.isSafeInteger(offset) || offset < 0 || used + offset > kernelSize)
    throw invalidOption(
      name,
      "numUpdates·updateSize + offset",
      used + offset,
      `at most kernelSize, which is ${kernelSize}`,
    );

  const channels = options.channels === undefined ? 1 : positive(name, "channels", options.channels);
  const withChannels = (...shape: number[]): number[] => {
    const [first = 1, last = 1] = shape;
    return options.channels === undefined ? [first, last] : [first, channels, last];
  };
  const waiting = (numUpdates - 1) * updateSize;
  const updateShape = withChannels(batchSize, kernelSize);
  const outputShape = withChannels(1, updateSize * batchSize);
  const stateShape = withChannels(1, waiting);
  const blocks = batchSize + numUpdates - 1;
  const tensors = {
    name,
    inputs: [{ name: input, type: "FP32", shape: updateShape }],
    outputs: [{ name: output, type: "FP32", shape: outputShape }],
    parameters: {
      "strainflow.update_size": updateSize,
      "strainflow.batch_size": batchSize,
      "strainflow.num_updates": numUpdates,
      // In output samples, as all of its sizes.
      "strainflow.memory": waiting,
      "strainflow.latency": waiting,
      ...(offset === 0 ? {} : { "strainflow.offset": offset }),
    },
  } as const;
  if (options.backend === "python")
    return pythonModel({ ...tensors, script: "averager", stateful: true }, options);

  const g = createGraph(name);
  const update = g.op("Reshape", [
    g.input(input, "FP32", updateShape),
    g.ints([batchSize, channels, kernelSize]),
  ]);
  const state = g.op("Reshape", [
    g.input("input_online_average", "FP32", stateShape),
    g.ints([channels, waiting]),
  ]);
  const end = kernelSize - offset;
  const newest = g.op("Slice", [update, g.ints([end - used]), g.ints([end]), g.ints([2])]);
  // Piece m of kernel b belongs to block b + m. With kernels along a row, N zeros behind them, and the rows then read
  // one element shorter, row m stands shifted by m: the overlap-add becomes a sum of rows.
  const pieces = g.op(
    "Transpose",
    [g.op("Reshape", [newest, g.ints([batchSize, channels, numUpdates, updateSize])])],
    {
      perm: [1, 2, 0, 3],
    },
  );
  const padded = g.op("Pad", [pieces, g.ints([0, 0, 0, 0, 0, 0, numUpdates, 0])]);
  const row = g.op("Reshape", [
    padded,
    g.ints([channels, numUpdates * (batchSize + numUpdates), updateSize]),
  ]);
  const shorter = g.op("Slice", [row, g.ints([0]), g.ints([numUpdates * blocks]), g.ints([1])]);
  const shifted = g.op("Reshape", [shorter, g.ints([channels, numUpdates, blocks * updateSize])]);
  const mean = g.op("Div", [g.op("ReduceSum", [shifted, g.ints([1])], { keepdims: 0 }), g.float(numUpdates)]);
  const carried = g.op("Pad", [state, g.ints([0, 0, 0, updateSize * batchSize])]);
  const sum = g.op("Add", [mean, carried]);
  const cut = (from: number, to: number, shape: readonly number[]) =>
    g.op("Reshape", [g.op("Slice", [sum, g.ints([from]), g.ints([to]), g.ints([1])]), g.ints(shape)]);
  g.output(output, cut(0, updateSize * batchSize, outputShape), "FP32", outputShape);
  g.output(
    "output_online_average",
    cut(updateSize * batchSize, blocks * updateSize, stateShape),
    "FP32",
    stateShape,
  );

  return onnxModel(
    { ...tensors, onnx: g.toBytes(), states: [{ name: "online_average", type: "FP32", shape: stateShape }] },
    options,
  );
}
