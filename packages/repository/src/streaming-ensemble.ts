import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import {
  type ModelConfig,
  ModelConfigSchema,
  type ModelEnsembling_StepSchema,
  ModelEnsemblingSchema,
  type ModelInput,
  type ModelOutput,
} from "@strainflow/proto";
import { checkSampleRate, invalidOption } from "@strainflow/series";
import { buildAggregator } from "./aggregator.ts";
import { repositoryError } from "./errors.ts";
import { parametersOf, positive, type SequencePlacement } from "./model-config.ts";
import type { ModelRepository } from "./repository.ts";
import { buildSnapshotter } from "./snapshotter.ts";

/** What a client must know of a streaming model; written to its configuration as `strainflow.*` parameters. */
export interface StreamingFacts {
  /** Hz of the stream. */
  readonly sampleRate: number;
  readonly channels: readonly string[];
  /** Samples between two outputs, S. */
  readonly strideSize: number;
  /** Outputs per request, B. */
  readonly batchSize: number;
  /** How far back an output depends on the stream before its own stride, in samples. */
  readonly memory: number;
  /** The output of stride [a, a + S) stands for the stretch that begins at a − latency; a multiple of S. */
  readonly latency: number;
  /** Name of the input that takes the stream. */
  readonly input: string;
  /** Output samples per stride. Default 1. */
  readonly updateSize?: number;
}

export function streamingParameters(facts: StreamingFacts): Record<string, string> {
  return {
    "strainflow.sample_rate": String(facts.sampleRate),
    "strainflow.channels": facts.channels.join(","),
    "strainflow.stride_size": String(facts.strideSize),
    "strainflow.batch_size": String(facts.batchSize),
    "strainflow.memory": String(facts.memory),
    "strainflow.latency": String(facts.latency),
    "strainflow.stream_input": facts.input,
    "strainflow.update_size": String(facts.updateSize ?? 1),
  };
}

export interface StreamingEnsembleOptions {
  /** Name of the ensemble. */
  readonly name: string;
  /** The network: a model of this repository. */
  readonly network: string;
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
  /** Default 0. See {@link StreamingFacts.latency}; what averaging adds is added. */
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
 * Adds a snapshotter, an averager if `numUpdates` > 1, and the ensemble that joins them to a network of the
 * repository: snapshotter → network (→ aggregator). The ensemble takes `stream` `[1, C, S·B]`.
 *
 * @throws `no-model`, `model-exists`, `invalid-option`; `bad-network` where the network's tensors do not fit
 */
export async function addStreamingEnsemble(
  repository: ModelRepository,
  options: StreamingEnsembleOptions,
): Promise<void> {
  const { name, strideSize, channels, numUpdates = 1, replace = false, streamInput = "stream" } = options;
  const { snapshotterName = "snapshotter", aggregatorName = "aggregator" } = options;
  checkSampleRate(name, options.sampleRate);
  positive(name, "numUpdates", numUpdates);
  const network = await repository.config(options.network);
  const { batchSize, kernelSize } = kernelShape(network, options.kernelInput, channels);

  const snapshotter = buildSnapshotter({
    ...options.states,
    name: snapshotterName,
    channels: channels.length,
    snapshotSize: kernelSize,
    strideSize,
    batchSize,
  });
  const steps: MessageInitShape<typeof ModelEnsembling_StepSchema>[] = [
    {
      modelName: snapshotterName,
      modelVersion: -1n,
      inputMap: { snapshot_update: streamInput },
      outputMap: { snapshot: options.kernelInput },
    },
    {
      modelName: options.network,
      modelVersion: -1n,
      inputMap: Object.fromEntries(network.input.map((tensor) => [tensor.name, tensor.name])),
      outputMap: Object.fromEntries(network.output.map((tensor) => [tensor.name, tensor.name])),
    },
  ];
  let outputs: Pick<ModelOutput, "name" | "dataType" | "dims">[] = network.output;
  const aggregator =
    numUpdates === 1 ? undefined : aggregatorFor(network, options, aggregatorName, batchSize, numUpdates);
  if (aggregator !== undefined) {
    const [averaged, ...rest] = network.output;
    steps.push({
      modelName: aggregatorName,
      modelVersion: -1n,
      inputMap: { update: averaged?.name ?? "" },
      outputMap: { output_stream: "output_stream" },
    });
    outputs = [...aggregator.config.output, ...rest];
  }

  const others = network.input.filter((tensor) => tensor.name !== options.kernelInput);
  const clash = others.find((tensor) => tensor.name === streamInput);
  if (clash !== undefined)
    throw invalidOption(name, "streamInput", streamInput, "no name of another of the network's inputs");
  const stream: Pick<ModelInput, "name" | "dataType" | "dims"> = {
    name: streamInput,
    dataType: snapshotter.config.input[0]!.dataType,
    dims: snapshotter.config.input[0]!.dims,
  };
  const config = create(ModelConfigSchema, {
    name,
    platform: "ensemble",
    input: [stream, ...others].map(({ name: tensor, dataType, dims }) => ({ name: tensor, dataType, dims })),
    output: outputs.map(({ name: tensor, dataType, dims }) => ({ name: tensor, dataType, dims })),
    schedulingChoice: { case: "ensembleScheduling", value: create(ModelEnsemblingSchema, { step: steps }) },
    parameters: parametersOf({
      ...options.parameters,
      ...streamingParameters({
        sampleRate: options.sampleRate,
        channels,
        strideSize,
        batchSize,
        memory: kernelSize - strideSize + (numUpdates - 1) * strideSize,
        latency: (options.latency ?? 0) + (numUpdates - 1) * strideSize,
        input: streamInput,
        ...(numUpdates === 1 || options.updateSize === undefined ? {} : { updateSize: options.updateSize }),
      }),
    }),
  });

  await repository.add(snapshotter, { replace });
  if (aggregator !== undefined) await repository.add(aggregator, { replace });
  await repository.add({ config, files: { "1/": "" } }, { replace });
}

function kernelShape(
  network: ModelConfig,
  input: string,
  channels: readonly string[],
): { readonly batchSize: number; readonly kernelSize: number } {
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
  return { batchSize, kernelSize };
}

function aggregatorFor(
  network: ModelConfig,
  options: StreamingEnsembleOptions,
  name: string,
  batchSize: number,
  numUpdates: number,
): ReturnType<typeof buildAggregator> {
  const averaged = network.output[0];
  const dims = averaged?.dims.map(Number) ?? [];
  const kernelSize = dims.at(-1) ?? 0;
  if (dims.length < 2 || dims.length > 3 || dims[0] !== batchSize)
    throw repositoryError(
      "bad-network",
      `model ${network.name}: output ${averaged?.name} is [${dims.join(", ")}]; averaging needs ` +
        `[${batchSize}, samples] or [${batchSize}, channels, samples]`,
      { modelName: network.name, dims },
    );
  if (options.updateSize === undefined)
    throw invalidOption(options.name, "updateSize", undefined, "given when numUpdates > 1");
  return buildAggregator({
    ...options.states,
    name,
    kernelSize,
    updateSize: options.updateSize,
    batchSize,
    numUpdates,
    ...(dims.length === 3 ? { channels: dims[1] ?? 1 } : {}),
  });
}
