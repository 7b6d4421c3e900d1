import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildStreamingNetwork, describeNetwork } from "./network.ts";
import { createGraph, type Dimension } from "./onnx/graph.ts";
import { inspectOnnx } from "./onnx/inspect.ts";
import { createRepository } from "./repository.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "strainflow-network-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The mean of each kernel, as a network of some shape. */
function network(
  input: readonly Dimension[],
  output: readonly Dimension[],
  type: "FP32" | "FP64" = "FP32",
): Uint8Array {
  const g = createGraph("mean");
  const x = g.input("x", type, input);
  g.output("y", g.op("ReduceMean", [x], { axes: [2], keepdims: 0 }), type, output);
  return g.toBytes();
}

const options = { name: "mean", channels: 2, batchSize: 8 };

describe("a network of one's own", () => {
  it("is read from its ONNX file", () => {
    expect(inspectOnnx(network(["batch", 2, 512], ["batch", 2]))).toEqual({
      inputs: [{ name: "x", datatype: "FP32", shape: [-1, 2, 512] }],
      outputs: [{ name: "y", datatype: "FP32", shape: [-1, 2] }],
      opset: 17,
    });
  });

  it("becomes a streaming ensemble in one call", async () => {
    const repository = await createRepository(folder);
    await buildStreamingNetwork({
      ...options,
      repository,
      onnx: network(["batch", 2, 512], ["batch", 2]),
      channels: ["H1", "L1"],
      sampleRate: 1024,
      inferenceSamplingRate: 16,
    });
    expect(await repository.list()).toEqual(["mean", "mean-stream", "snapshotter"]);
    const { input, output, parameters } = await repository.config("mean-stream");
    expect(input.map((tensor) => [tensor.name, tensor.dims])).toEqual([["stream", [1n, 2n, 512n]]]);
    expect(output.map((tensor) => [tensor.name, tensor.dims])).toEqual([["y", [8n, 2n]]]);
    expect(parameters["strainflow.memory"]?.stringValue).toBe(String(512 - 64));
  });

  it("is refused with what does not fit", async () => {
    const refuse = (onnx: Uint8Array | string, message: RegExp, more: object = {}) =>
      expect(describeNetwork({ ...options, onnx, ...more })).rejects.toThrow(message);
    await refuse(Uint8Array.of(8, 1, 2), /mean|these 3 bytes are no ONNX model/);
    await refuse(join(folder, "none.onnx"), /none\.onnx cannot be read: give the path of an \.onnx file/);
    await refuse(
      network([8, 3, 512], [8, 3]),
      /input x is \[8, 3, 512\]; kernels of 2 channels are \[batch, 2, kernel\]/,
    );
    await refuse(network([16, 2, 512], [16, 2]), /exported for a batch of 16, not 8/);
    await refuse(network(["b", 2, "n"], ["b", 2]), /of any length: say with kernelSize/);
    await refuse(network(["b", 2, 512], ["b", 2]), /and kernelSize is 256/, { kernelSize: 256 });
    await refuse(network(["b", 2, 512], ["b", 2], "FP64"), /snapshots are FP32/);
    await refuse(
      network(["b", 2, 512], [1, 2]),
      /output y is \[1, 2\]; its first dimension must be the batch/,
    );
    await refuse(network(["b", 2, 512], ["b", 2]), /it has no input z; it takes x \[any, 2, 512\]/, {
      kernelInput: "z",
    });
    await expect(describeNetwork({ ...options, onnx: Uint8Array.of(8, 1, 2) })).rejects.toMatchObject({
      tag: "bad-network",
    });
  });

  it("is refused where its rate leaves data out", async () => {
    const repository = await createRepository(folder);
    const build = (inferenceSamplingRate: number) =>
      buildStreamingNetwork({
        ...options,
        repository,
        onnx: network(["batch", 2, 512], ["batch", 2]),
        channels: ["H1", "L1"],
        sampleRate: 1024,
        inferenceSamplingRate,
      });
    await expect(build(1)).rejects.toThrow(/there is data between two kernels of 512 samples/);
    await expect(build(3)).rejects.toThrow(/a divisor of sampleRate, 1024 Hz/);
    expect(await repository.list()).toEqual([]);
  });
});
