import { invalidOption, type TensorSpec } from "@strainflow/series";
import { repositoryError } from "./errors.ts";
import { type Placement, positive, statesPlacement, type TensorDeclaration } from "./model-config.ts";
import { inspectOnnx, readOnnx } from "./onnx/inspect.ts";
import { onnxModel } from "./onnx-model.ts";
import type { Model, ModelRepository } from "./repository.ts";
import { addStreamingEnsemble, type StreamingEnsembleOptions } from "./streaming-ensemble.ts";

/** A network that takes kernels, made ready for a repository. */
export interface Network extends Model {
  /** Name of the input that takes kernels. */
  readonly kernelInput: string;
  readonly kernelSize: number;
}

export interface NetworkOptions extends Placement {
  readonly name: string;
  /** The network: bytes of an ONNX model, or the path of one. */
  readonly onnx: Uint8Array | string;
  /** Number of channels of a kernel. */
  readonly channels: number;
  /** Kernels per request. */
  readonly batchSize: number;
  /** Samples of a kernel; needed only where the network takes any length. */
  readonly kernelSize?: number;
  /** The input that takes kernels. Default: the only one of shape `[batch, channels, kernel]`. */
  readonly kernelInput?: string;
}

/**
 * Reads what a network takes and gives from its ONNX file, and checks that kernels of `channels` fit it.
 *
 * @throws `bad-network`, which says what does not fit
 */
export async function describeNetwork(options: NetworkOptions): Promise<Network> {
  const { name, channels } = options;
  const batchSize = positive(name, "batchSize", options.batchSize);
  positive(name, "channels", channels);
  const onnx = await readOnnx(options.onnx);
  const { inputs, outputs } = inspectOnnx(onnx);
  const wrong = (message: string): Error =>
    repositoryError("bad-network", `${name}: ${message}`, { modelName: name, inputs, outputs });

  const kernel = kernelOf(inputs, options, wrong);
  const [batch = -1, channelCount = -1, length = -1] = kernel.shape;
  if (kernel.datatype !== "FP32")
    throw wrong(
      `input ${kernel.name} is ${kernel.datatype}; snapshots are FP32, so export the network for float32 input`,
    );
  if (kernel.shape.length !== 3 || (channelCount !== -1 && channelCount !== channels))
    throw wrong(
      `input ${kernel.name} is ${show(kernel)}; kernels of ${channels} channels are [batch, ${channels}, kernel]`,
    );
  if (batch !== -1 && batch !== batchSize)
    throw wrong(
      `input ${kernel.name} is ${show(kernel)}: it was exported for a batch of ${batch}, not ${batchSize}; ` +
        "use that batch size, or export it with a dynamic batch",
    );
  if (length !== -1 && options.kernelSize !== undefined && options.kernelSize !== length)
    throw wrong(`input ${kernel.name} is ${show(kernel)}, and kernelSize is ${options.kernelSize}`);
  const kernelSize = length === -1 ? options.kernelSize : length;
  if (kernelSize === undefined)
    throw wrong(
      `input ${kernel.name} is ${show(kernel)}, of any length: say with kernelSize how long a kernel is`,
    );
  positive(name, "kernelSize", kernelSize);
  const bare = outputs.find(
    (output) => output.shape.length === 0 || ![-1, batchSize].includes(output.shape[0] ?? 0),
  );
  if (bare !== undefined)
    throw wrong(
      `output ${bare.name} is ${show(bare)}; its first dimension must be the batch, one entry per kernel`,
    );

  const settled = (tensor: TensorSpec): TensorDeclaration => ({
    name: tensor.name,
    type: tensor.datatype,
    shape:
      tensor === kernel
        ? [batchSize, channels, kernelSize]
        : tensor.shape.map((size, i) => (size === -1 && i === 0 ? batchSize : size)),
  });
  return {
    ...onnxModel({ name, inputs: inputs.map(settled), outputs: outputs.map(settled), onnx }, options),
    kernelInput: kernel.name,
    kernelSize,
  };
}

/**
 * Adds a network of your own: any ONNX `[batch, channels, kernel] → [batch, …]`.
 *
 * @throws as {@link describeNetwork}; `model-exists` unless `replace` is set
 */
export async function addNetwork(
  repository: ModelRepository,
  options: NetworkOptions & { readonly replace?: boolean },
): Promise<Network> {
  const network = await describeNetwork(options);
  await repository.add(network, { replace: options.replace ?? false });
  return network;
}

export interface StreamingNetworkOptions
  extends Omit<NetworkOptions, "channels">,
    Pick<
      StreamingEnsembleOptions,
      | "numUpdates"
      | "updateSize"
      | "latency"
      | "snapshotterName"
      | "aggregatorName"
      | "streamInput"
      | "states"
      | "replace"
    > {
  readonly repository: ModelRepository;
  /** Hz of the stream. */
  readonly sampleRate: number;
  readonly channels: readonly string[];
  /** Kernels, and so outputs, per second; divides the sample rate. */
  readonly inferenceSamplingRate: number;
  /** Name of the ensemble. Default: the network's name and `-stream`. */
  readonly ensembleName?: string;
}

/**
 * Makes a streaming ensemble of a network in one call: snapshotter → network (→ averager, with `numUpdates` > 1).
 *
 * @example
 * ```ts
 * const repository = await createRepository("models");
 * await buildStreamingNetwork({
 *   repository,
 *   name: "classifier",
 *   onnx: "classifier.onnx",
 *   sampleRate: 2048,
 *   channels: ["H1", "L1"],
 *   inferenceSamplingRate: 16,
 *   batchSize: 8,
 * });
 * ```
 *
 * @throws `bad-network`, `invalid-option`, `model-exists`
 */
export async function buildStreamingNetwork(options: StreamingNetworkOptions): Promise<void> {
  const { repository, name, channels, sampleRate, inferenceSamplingRate } = options;
  const strideSize = sampleRate / inferenceSamplingRate;
  if (!Number.isSafeInteger(strideSize) || strideSize < 1)
    throw invalidOption(
      name,
      "inferenceSamplingRate",
      inferenceSamplingRate,
      `a divisor of sampleRate, ${sampleRate} Hz`,
    );
  const network = await describeNetwork({ ...options, channels: channels.length });
  if (strideSize > network.kernelSize)
    throw invalidOption(
      name,
      "inferenceSamplingRate",
      inferenceSamplingRate,
      `at least ${sampleRate / network.kernelSize}, or there is data between two kernels of ${network.kernelSize} samples`,
    );
  const { ensembleName = `${name}-stream`, numUpdates, updateSize, latency, snapshotterName } = options;
  const { aggregatorName, streamInput, replace } = options;
  await addStreamingEnsemble(repository, {
    name: ensembleName,
    network,
    kernelInput: network.kernelInput,
    channels,
    sampleRate,
    strideSize,
    ...(numUpdates === undefined ? {} : { numUpdates }),
    ...(updateSize === undefined ? {} : { updateSize }),
    ...(latency === undefined ? {} : { latency }),
    ...(snapshotterName === undefined ? {} : { snapshotterName }),
    ...(aggregatorName === undefined ? {} : { aggregatorName }),
    ...(streamInput === undefined ? {} : { streamInput }),
    states: statesPlacement(options),
    ...(replace === undefined ? {} : { replace }),
  });
}

function kernelOf(
  inputs: readonly TensorSpec[],
  options: NetworkOptions,
  wrong: (message: string) => Error,
): TensorSpec {
  const all = inputs.map((input) => `${input.name} ${show(input)}`).join(", ") || "nothing";
  if (options.kernelInput !== undefined) {
    const named = inputs.find((input) => input.name === options.kernelInput);
    if (named === undefined) throw wrong(`it has no input ${options.kernelInput}; it takes ${all}`);
    return named;
  }
  const [only, second] = inputs.length === 1 ? inputs : inputs.filter((input) => input.shape.length === 3);
  if (only === undefined || second !== undefined)
    throw wrong(
      `it takes ${all}; say with kernelInput which of them takes kernels [batch, channels, kernel]`,
    );
  return only;
}

function show(tensor: TensorSpec): string {
  return `[${tensor.shape.map((size) => (size === -1 ? "any" : size)).join(", ")}]`;
}
