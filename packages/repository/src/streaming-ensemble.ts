import type { ModelConfig } from "@strainflow/proto";
import { checkSampleRate, invalidOption } from "@strainflow/series";
import { createEnsemble } from "./ensemble.ts";
import { repositoryError } from "./errors.ts";
import { positive, type SequencePlacement } from "./model-config.ts";
import type { Model, ModelRepository } from "./repository.ts";

export interface StreamingEnsembleOptions {
  /** Name of the ensemble. */
  readonly name: string;
  /** The network: a model of this repository by its name, or one that is then written with the ensemble. */
  readonly network: string | Model;
  /** The network's input that takes kernels `[B, C, L]`. Its other inputs become inputs of the ensemble. */
  readonly kernelInput: string;
  readonly channels: readonly string[];
  /** Hz of the stream. */
  readonly sampleRate: number;
  /** Samples between two kernels, S ≤ L. */
  readonly strideSize: number;
  /**
   * Average over so many kernels; the network's first output must then be `[B, K]` or `[B, C, K]`. Default 1: outputs
   * leave the ensemble as the network gives them.
   */
  readonly numUpdates?: number;
  /** Samples of the network's output per stride. Needed with `numUpdates` > 1. */
  readonly updateSize?: number;
  /** Default 0. Samples by which outputs stand for the past; what averaging adds is added. */
  readonly latency?: number;
  /** Default `snapshotter`. */
  readonly snapshotterName?: string;
  /** Default `aggregator`. */
  readonly aggregatorName?: string;
  /** The ensemble's input. Default `stream`. */
  readonly streamInput?: string;
  /** How the server keeps the states, and on which backend. */
  readonly states?: SequencePlacement;
  /** Further parameters of the ensemble. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** Write over models that are there. Default false. */
  readonly replace?: boolean;
}

/**
 * Adds a snapshotter, an averager if `numUpdates` > 1, and the ensemble that joins them to a network: snapshotter →
 * network (→ aggregator). The ensemble takes `stream` `[1, C, S·B]`.
 *
 * @throws `no-model`, `model-exists`, `invalid-option`; `bad-network` where the network's tensors do not fit
 */
export async function addStreamingEnsemble(
  repository: ModelRepository,
  options: StreamingEnsembleOptions,
): Promise<void> {
  const { name, strideSize, channels, numUpdates = 1, replace = false, streamInput = "stream" } = options;
  const { snapshotterName = "snapshotter", aggregatorName = "aggregator", states = {}, latency } = options;
  const { sampleRate, updateSize } = options;
  checkSampleRate(name, sampleRate);
  positive(name, "numUpdates", numUpdates);
  const config =
    typeof options.network === "string" ? await repository.config(options.network) : options.network.config;
  checkKernels(config, options.kernelInput, channels);
  if (numUpdates > 1) checkAveraged(config, options);

  const ensemble = createEnsemble(repository, {
    name,
    stream: { sampleRate, channels, ...(latency === undefined ? {} : { latency }) },
    changes: { parameters: options.parameters ?? {} },
  });
  const network = await ensemble.step(options.network);
  const kernel = network.input(options.kernelInput);
  ensemble.addStreamingInputs(
    { into: kernel, strideSize, input: streamInput },
    { ...states, name: snapshotterName },
  );
  for (const input of network.inputs) {
    if (input === kernel) continue;
    if (input.name === streamInput)
      throw invalidOption(name, "streamInput", streamInput, "no name of another of the network's inputs");
    ensemble.addInput(input);
  }
  const [averaged, ...rest] = network.outputs;
  if (numUpdates > 1 && averaged !== undefined && updateSize !== undefined)
    ensemble.addStreamingOutput(averaged, { ...states, name: aggregatorName, numUpdates, updateSize });
  else if (averaged !== undefined) ensemble.addOutput(averaged);
  for (const output of rest) ensemble.addOutput(output);
  await ensemble.write({ replace });
}

function checkKernels(network: ModelConfig, input: string, channels: readonly string[]): void {
  const tensor = network.input.find((candidate) => candidate.name === input);
  const dims = tensor?.dims.map(Number) ?? [];
  const [batchSize = 0, channelCount, kernelSize = 0] = dims;
  if (dims.length !== 3 || batchSize < 1 || kernelSize < 1 || channelCount !== channels.length)
    throw repositoryError(
      "bad-network",
      `model ${network.name}: input ${input} ${tensor === undefined ? "is not there" : `is [${dims.join(", ")}]`}; ` +
        `kernels of ${channels.join(", ")} need [batch, ${channels.length}, kernel] with fixed sizes`,
      { modelName: network.name, input, dims },
    );
}

function checkAveraged(network: ModelConfig, options: StreamingEnsembleOptions): void {
  const [batchSize] = network.input.find(({ name }) => name === options.kernelInput)?.dims ?? [];
  const averaged = network.output[0];
  const dims = averaged?.dims ?? [];
  if (dims.length < 2 || dims.length > 3 || dims[0] !== batchSize)
    throw repositoryError(
      "bad-network",
      `model ${network.name}: output ${averaged?.name} is [${dims.join(", ")}]; averaging needs ` +
        `[${batchSize}, samples] or [${batchSize}, channels, samples]`,
      { modelName: network.name, dims },
    );
  if (options.updateSize === undefined)
    throw invalidOption(options.name, "updateSize", undefined, "given when numUpdates > 1");
}
