// The models of `server.mjs`, twice over: for our server as ONNX files, for Triton's python backend as programs that run
// the same files by onnxruntime. Same configuration, same number of instances.
import { readFile } from "node:fs/promises";
import {
  addModel,
  addNetwork,
  addStreamingEnsemble,
  createGraph,
  createRepository,
} from "@strainflow/repository";

const CHANNELS = ["H1", "L1"];
const RATE = 4096;
/** float32 values of a request for the model without sequences, and of its answer: 1 KiB and 16 KiB. */
export const ASKED_SIZE = 256;
export const ANSWERED_SIZE = 4096;
const MAX_BATCH = 32;

/** Updates are `[1, 2, stride · batch]` of float32; the averager puts `count` kernels into each sample. */
const SIZES = {
  "1 KB": { strideSize: 16, batchSize: 8, kernelSize: 256, count: 8 },
  "64 KB": { strideSize: 1024, batchSize: 8, kernelSize: 2048, count: 2 },
};

/** A streamed ensemble as its clients see it; `delay` is by how many samples its output is late. */
export function streamOf(label, network) {
  const { strideSize, batchSize, count } = SIZES[label];
  return {
    model: `${network}-${label.replace(" ", "").toLowerCase()}`,
    channels: CHANNELS.length,
    updateSize: strideSize * batchSize,
    delay: (count - 1) * strideSize,
    exact: network === "thin",
  };
}

/** All of them, for one of the servers. @param backend `onnx` or `python` */
export async function writeModels(path, backend) {
  const repository = await createRepository(path);
  await addStream(repository, backend, "1 KB", "thin");
  await addStream(repository, backend, "64 KB", "thin");
  await addStream(repository, backend, "64 KB", "real");
  await addUnary(repository, backend, "batched", { dynamicBatching: {} });
  if (backend === "onnx") await addUnary(repository, backend, "single", {});
}

async function addStream(repository, backend, label, network) {
  const { strideSize, batchSize, kernelSize, count } = SIZES[label];
  const { model } = streamOf(label, network);
  const name = `network-${model}`;
  await addNetwork(repository, {
    name,
    onnx: (network === "thin" ? thinGraph : realGraph)(batchSize, kernelSize),
    channels: CHANNELS.length,
    batchSize,
    backend,
  });
  await addStreamingEnsemble(repository, {
    name: model,
    network: name,
    kernelInput: "kernel",
    channels: CHANNELS,
    sampleRate: RATE,
    strideSize,
    numUpdates: count,
    updateSize: strideSize,
    snapshotterName: `snapshotter-${model}`,
    aggregatorName: `aggregator-${model}`,
    states: { backend },
  });
}

/** The mean of both channels: next to nothing. */
function thinGraph(batchSize, kernelSize) {
  const g = createGraph("thin");
  const kernel = g.input("kernel", "FP32", [batchSize, CHANNELS.length, kernelSize]);
  g.output("y", g.op("ReduceMean", [kernel], { axes: [1], keepdims: 0 }), "FP32", [batchSize, kernelSize]);
  return g.toBytes();
}

/** Four convolutions over the whole of each kernel. */
function realGraph(batchSize, kernelSize) {
  const g = createGraph("real");
  let value = g.input("kernel", "FP32", [batchSize, CHANNELS.length, kernelSize]);
  let width = CHANNELS.length;
  for (const next of [16, 16, 16, 1]) {
    const weights = Float32Array.from({ length: next * width * 7 }, (_, i) => Math.sin(i) / width / 7);
    value = g.op("Conv", [value, g.constant(weights, [next, width, 7])], {
      kernel_shape: [7],
      strides: [1],
      pads: [3, 3],
    });
    value = g.op("Tanh", [value]);
    width = next;
  }
  g.output("y", g.op("Squeeze", [value, g.ints([1])]), "FP32", [batchSize, kernelSize]);
  return g.toBytes();
}

/** Each request's values so many times over: what an answer of 16 KiB costs without a network. */
export function repeatGraph() {
  const g = createGraph("repeat");
  const x = g.input("x", "FP32", ["n", ASKED_SIZE]);
  const y = g.op("Tile", [x, g.ints([1, ANSWERED_SIZE / ASKED_SIZE])]);
  g.output("y", y, "FP32", ["n", ANSWERED_SIZE]);
  return g.toBytes();
}

async function addUnary(repository, backend, name, changes) {
  const onnx = repeatGraph();
  const tensors = {
    inputs: [{ name: "x", type: "FP32", shape: [ASKED_SIZE] }],
    outputs: [{ name: "y", type: "FP32", shape: [ANSWERED_SIZE] }],
  };
  const program = await readFile(new URL("batched_onnx.py", import.meta.url));
  const source =
    backend === "onnx"
      ? { platform: "onnxruntime_onnx", source: onnx }
      : { platform: "python", source: { "model.py": program, "model.onnx": onnx } };
  await addModel(repository, {
    name,
    ...source,
    ...tensors,
    maxBatchSize: MAX_BATCH,
    kind: "CPU",
    instances: 1,
    changes,
  });
}
