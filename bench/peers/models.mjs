// The ensembles that every client streams to, on Triton's python backend: a snapshotter, and behind it a network that
// costs next to nothing, or one that computes.
import { readFile } from "node:fs/promises";
import {
  addModel,
  addNetwork,
  createEnsemble,
  createGraph,
  createRepository,
  openRepository,
} from "@strainflow/repository";

export const CHANNELS = 2;
/** float32 values of an answer of the thin network: 16 KiB. */
const ANSWER_SIZE = 4096;

/** An update is `[1, 2, stride · batch]` of float32, its kernels `[batch, 2, kernel]`. */
export const SIZES = [
  { label: "1 KB", strideSize: 16, batchSize: 8, kernelSize: 256 },
  { label: "64 KB", strideSize: 1024, batchSize: 8, kernelSize: 2048 },
  { label: "1 MiB", strideSize: 2048, batchSize: 64, kernelSize: 4096 },
];

/**
 * An ensemble as its clients see it.
 *
 * @param network `thin` or `real`
 * @returns `marker`: where in the answer the update's first sample is; null where the answer is computed
 */
export function streamOf({ label, strideSize, batchSize, kernelSize }, network) {
  const name = label.replace(" ", "").toLowerCase();
  const step = (batchSize * CHANNELS * kernelSize) / ANSWER_SIZE;
  return {
    model: `${network}-${name}`,
    snapshotter: `snapshotter-${network}-${name}`,
    channels: CHANNELS,
    updateSize: strideSize * batchSize,
    step,
    marker: network === "thin" ? (kernelSize - strideSize) / step : null,
  };
}

/** Every ensemble, in a repository to be loaded by name. */
export async function writeModels(path) {
  const repository = await createRepository(path);
  for (const size of SIZES)
    for (const network of ["thin", "real"]) {
      const stream = streamOf(size, network);
      const name = `network-${stream.model}`;
      await (network === "thin" ? addThin : addReal)(repository, name, size, stream);
      await addStream(repository, name, size, stream);
    }
}

/** perf_analyzer has one request of a sequence under way at a time: for so many requests it needs as many sequences. */
export async function setSequences(path, { snapshotter }, count) {
  const repository = await openRepository(path);
  await repository.edit(snapshotter, { instanceGroup: [{ count, kind: "KIND_CPU" }] });
}

async function addStream(repository, name, { strideSize }, { model, snapshotter }) {
  const ensemble = createEnsemble(repository, { name: model });
  const network = await ensemble.step(name);
  ensemble.addStreamingInputs(
    { into: network.input("kernel"), strideSize },
    { name: snapshotter, backend: "python" },
  );
  ensemble.addOutput(network.output("y"));
  await ensemble.write();
  // hermes takes a model for a snapshotter by its implicit states, of which the python backend has none: one that nobody
  // reads makes it hermes' own kind of stream, for all clients alike.
  const none = { dataType: "TYPE_FP32", dims: [1, 1] };
  await repository.edit(snapshotter, {
    sequenceBatching: {
      state: [
        {
          ...none,
          inputName: "input_snapshot",
          outputName: "output_snapshot",
          initialState: [{ ...none, name: "snapshot", zeroData: true }],
        },
      ],
    },
  });
}

async function addThin(repository, name, { batchSize, kernelSize }, { step }) {
  await addModel(repository, {
    name,
    platform: "python",
    source: { "model.py": await readFile(new URL("thin_network.py", import.meta.url)) },
    inputs: [{ name: "kernel", type: "FP32", shape: [batchSize, CHANNELS, kernelSize] }],
    outputs: [{ name: "y", type: "FP32", shape: [batchSize, ANSWER_SIZE / batchSize] }],
    kind: "CPU",
    changes: { parameters: { step: String(step) } },
  });
}

/** Three convolutions, each with half the samples of the one before, and what is left of each kernel as one number. */
async function addReal(repository, name, { batchSize, kernelSize }) {
  const g = createGraph(name);
  let value = g.input("kernel", "FP32", [batchSize, CHANNELS, kernelSize]);
  let width = CHANNELS;
  for (const next of [8, 16, 32]) {
    const weights = Float32Array.from({ length: next * width * 7 }, (_, i) => Math.sin(i) / width);
    value = g.op("Conv", [value, g.constant(weights, [next, width, 7])], {
      kernel_shape: [7],
      strides: [2],
      pads: [3, 3],
    });
    value = g.op("Relu", [value]);
    width = next;
  }
  g.output("y", g.op("ReduceMean", [value], { axes: [1, 2], keepdims: 0 }), "FP32", [batchSize]);
  await addNetwork(repository, {
    name,
    onnx: g.toBytes(),
    channels: CHANNELS,
    batchSize,
    backend: "python",
  });
}
