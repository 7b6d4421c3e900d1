import { create } from "@bufbuild/protobuf";
import { DataType, ModelConfigSchema, ModelEnsemblingSchema } from "@strainflow/proto";
import { buildBackgroundSnapshotter } from "./background-snapshotter.ts";
import { type Placement, parametersOf, type SequencePlacement, statesPlacement } from "./model-config.ts";
import { describeNetwork } from "./network.ts";
import type { ModelRepository } from "./repository.ts";
import { streamingParameters } from "./streaming-ensemble.ts";
import { buildWhitener, type WhiteningChain, whiteningSizes } from "./whitener.ts";

export interface AframeEnsembleOptions extends WhiteningChain, Placement {
  /** The trained network, `[B, D, kernel] → [B, 1]`: bytes of an ONNX model, or the path of one. */
  readonly network: Uint8Array | string;
  /** Detectors, in the network's order. */
  readonly channels: readonly string[];
  /** Name of the network's model. Default `aframe`. */
  readonly name?: string;
  /** Default: the model's name and `-stream`. */
  readonly ensembleName?: string;
  /** Default `snapshotter`. */
  readonly snapshotterName?: string;
  /** Default `preprocessor`. */
  readonly preprocessorName?: string;
  /** Rows of a request: the first gives the PSD, the last is searched. Default 2, as aframe's clients send. */
  readonly streams?: 1 | 2;
  /** See `buildWhitener`. */
  readonly psdWindow?: Float64Array;
  /** How the server keeps the state. Default: backend, kind and instances as the network's. */
  readonly states?: SequencePlacement;
  /** Write over models that are there. Default false. */
  readonly replace?: boolean;
}

/**
 * Adds aframe's arrangement around a network that was trained for it: background snapshotter → whitening → network.
 * Raw strain as FP32 goes in, `stream` `[streams, D, S·B]`, and what the network gives comes out.
 *
 * A PSD is measured once per request, so an output depends on where in its request it stands: its memory is counted
 * for the last one. The output of stride [a, a + S) stands for a kernel that ends fduration/2 before the stride's end.
 *
 * @throws `bad-network`, `invalid-option`, `model-exists`
 */
export async function buildAframeEnsemble(
  repository: ModelRepository,
  options: AframeEnsembleOptions,
): Promise<void> {
  const { name = "aframe", channels, streams = 2, replace = false, batchSize } = options;
  const { ensembleName = `${name}-stream`, snapshotterName = "snapshotter" } = options;
  const { preprocessorName = "preprocessor" } = options;
  const sizes = whiteningSizes(name, options);
  const network = await describeNetwork({
    ...options,
    name,
    onnx: options.network,
    channels: channels.length,
    batchSize,
    kernelSize: sizes.kernelSize,
  });
  const snapshotter = buildBackgroundSnapshotter({
    ...statesPlacement(options),
    name: snapshotterName,
    streams,
    channels: channels.length,
    stateSize: sizes.stateSize,
    updateSize: sizes.updateSize,
  });
  const preprocessor = buildWhitener({
    ...options,
    name: preprocessorName,
    channels: channels.length,
    streams,
    output: network.kernelInput,
  });
  const same = (names: readonly string[]): Record<string, string> =>
    Object.fromEntries(names.map((tensor) => [tensor, tensor]));
  const outputs = network.config.output.map(({ name: tensor, dataType, dims }) => ({
    name: tensor,
    dataType,
    dims,
  }));
  const config = create(ModelConfigSchema, {
    name: ensembleName,
    platform: "ensemble",
    input: [
      {
        name: "stream",
        dataType: DataType.TYPE_FP32,
        dims: [streams, channels.length, sizes.updateSize].map(BigInt),
      },
    ],
    output: outputs,
    schedulingChoice: {
      case: "ensembleScheduling",
      value: create(ModelEnsemblingSchema, {
        step: [
          {
            modelName: snapshotterName,
            modelVersion: -1n,
            inputMap: same(["stream"]),
            outputMap: same(["strain"]),
          },
          {
            modelName: preprocessorName,
            modelVersion: -1n,
            inputMap: same(["strain"]),
            outputMap: same([network.kernelInput]),
          },
          {
            modelName: name,
            modelVersion: -1n,
            inputMap: same([network.kernelInput]),
            outputMap: same(outputs.map((output) => output.name)),
          },
        ],
      }),
    },
    parameters: parametersOf(
      streamingParameters({
        sampleRate: options.sampleRate,
        channels,
        strideSize: sizes.strideSize,
        batchSize,
        memory: sizes.stateSize + (batchSize - 1) * sizes.strideSize,
        latency: Math.ceil(sizes.filterSize / 2 / sizes.strideSize) * sizes.strideSize,
        input: "stream",
      }),
    ),
  });
  await repository.add(snapshotter, { replace });
  await repository.add(preprocessor, { replace });
  await repository.add(network, { replace });
  await repository.add({ config, files: { "1/": "" } }, { replace });
}
