import { buildBackgroundSnapshotter } from "./background-snapshotter.ts";
import { createEnsemble } from "./ensemble.ts";
import { type Placement, type SequencePlacement, statesPlacement } from "./model-config.ts";
import { describeNetwork } from "./network.ts";
import type { ModelRepository } from "./repository.ts";
import { streamingParameters } from "./streaming-parameters.ts";
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
  const stride = sizes.strideSize;
  const ensemble = createEnsemble(repository, {
    name: ensembleName,
    changes: {
      parameters: streamingParameters({
        sampleRate: options.sampleRate,
        channels,
        strideSize: stride,
        batchSize,
        memory: sizes.stateSize + (batchSize - 1) * stride,
        latency: Math.ceil(sizes.filterSize / 2 / stride) * stride,
        input: "stream",
      }),
    },
  });
  const kept = await ensemble.step(snapshotter);
  const whitened = await ensemble.step(preprocessor);
  const scored = await ensemble.step(network);
  ensemble.addInput(kept.input("stream"));
  ensemble.pipe(kept.output("strain"), whitened.input("strain"));
  ensemble.pipe(whitened.output(network.kernelInput), scored.input(network.kernelInput));
  for (const output of scored.outputs) ensemble.addOutput(output);
  await ensemble.write({ replace });
}
