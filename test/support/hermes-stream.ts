import { addNetwork, addStreamingEnsemble, createGraph, createRepository } from "@strainflow/repository";

/** Sizes of the stream that hermes' client is tried on; `numUpdates` of `strideSize` samples are averaged. */
export const HERMES_STREAM = { channels: 2, strideSize: 16, batchSize: 4, kernelSize: 256, numUpdates: 8 };

/**
 * Writes `stream`: snapshotter → `network` → average. The network weighs each sample by its place in the kernel, so
 * that an average over the wrong places shows. `kept`: states by ONNX graphs, or by the server's own code for the same.
 */
export async function writeHermesStream(path: string, kept: "onnx" | "native"): Promise<void> {
  const { channels, strideSize, batchSize, kernelSize, numUpdates } = HERMES_STREAM;
  const g = createGraph("network");
  const kernel = g.input("kernel", "FP32", [batchSize, channels, kernelSize]);
  const bent = g.op("Tanh", [g.op("Mul", [kernel, g.float(0.3)])]);
  const mixed = g.op("ReduceSum", [bent, g.ints([1])], { keepdims: 0 });
  const place = g.constant(
    Float32Array.from({ length: kernelSize }, (_, i) => 1 + i / kernelSize),
    [kernelSize],
  );
  g.output("y", g.op("Mul", [mixed, place]), "FP32", [batchSize, kernelSize]);
  const repository = await createRepository(path);
  await addNetwork(repository, { name: "network", onnx: g.toBytes(), channels, batchSize });
  await addStreamingEnsemble(repository, {
    name: "stream",
    network: "network",
    kernelInput: "kernel",
    channels: ["H1", "L1"],
    sampleRate: 256,
    strideSize,
    numUpdates,
    updateSize: strideSize,
    states: { instances: 4 },
  });
  for (const name of ["snapshotter", "aggregator"])
    await repository.edit(name, { parameters: { "strainflow.native": kept === "native" ? name : "" } });
}
