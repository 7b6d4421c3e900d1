import {
  addNetwork,
  addStreamingEnsemble,
  createGraph,
  createRepository,
  type SequencePlacement,
} from "@strainflow/repository";

export interface AveragingEnsemble {
  readonly sampleRate: number;
  readonly channels: readonly string[];
  readonly strideSize: number;
  readonly batchSize: number;
  readonly kernelSize: number;
  readonly numUpdates: number;
}

/** Memory in it: a kernel of 256 samples, and an average over 8 updates of 16 behind it. */
export const averaging: AveragingEnsemble = {
  sampleRate: 256,
  channels: ["H1", "L1"],
  strideSize: 16,
  batchSize: 4,
  kernelSize: 256,
  numUpdates: 8,
};

/**
 * Writes the ensemble `denoise`: snapshotter → a network that is cheap and not linear → average over the windows.
 * Its output is a series at the stream's own rate. `states`: how the server keeps them, and the backend of all three.
 */
export async function writeAveragingEnsemble(
  path: string,
  shape: AveragingEnsemble = averaging,
  states: SequencePlacement = {},
): Promise<void> {
  const { sampleRate, channels, strideSize, batchSize, kernelSize, numUpdates } = shape;
  const g = createGraph("denoiser");
  const kernel = g.input("kernel", "FP32", [batchSize, channels.length, kernelSize]);
  const bent = g.op("Tanh", [g.op("Mul", [kernel, g.float(0.3)])]);
  const mixed = g.op("ReduceSum", [bent, g.ints([1])], { keepdims: 0 });
  g.output("clean", mixed, "FP32", [batchSize, kernelSize]);
  const repository = await createRepository(path);
  const { backend = "onnx" } = states;
  await addNetwork(repository, {
    name: "denoiser",
    onnx: g.toBytes(),
    channels: channels.length,
    batchSize,
    backend,
  });
  await addStreamingEnsemble(repository, {
    name: "denoise",
    network: "denoiser",
    kernelInput: "kernel",
    channels,
    sampleRate,
    strideSize,
    numUpdates,
    updateSize: strideSize,
    states,
  });
}
