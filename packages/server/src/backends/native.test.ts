import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildAggregator, buildSnapshotter, createRepository, type Model } from "@strainflow/repository";
import type { InferResponse, Tensor } from "@strainflow/series";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createServer, type InferenceServer } from "../server.ts";

/** The same model twice, once as its graph and once as the kernel in TypeScript. */
async function serveBoth(
  build: (name: string) => Model,
  parameters: Record<string, string>,
): Promise<{
  readonly server: InferenceServer;
  close(): Promise<void>;
}> {
  const path = await mkdtemp(join(tmpdir(), "strainflow-native-"));
  const repository = await createRepository(path);
  await repository.add(build("graph"));
  const native = build("native");
  for (const [key, stringValue] of Object.entries(parameters))
    native.config.parameters[key] = { $typeName: "inference.ModelParameter", stringValue };
  // Without its file, only the native kernel can answer.
  await repository.add({ ...native, files: { "1/": "" } });
  const server = await createServer({ repository: path, workers: 1, httpPort: false });
  return {
    server,
    close: async () => {
      await server.close();
      await rm(path, { recursive: true });
    },
  };
}

async function run(
  server: InferenceServer,
  model: string,
  input: string,
  updates: readonly Tensor[],
): Promise<InferResponse[]> {
  const responses: InferResponse[] = [];
  await new Promise<void>((resolve, reject) => {
    const call = server.inProcess(model).open({
      response: (response) => void responses.push(response),
      lost: reject,
      closed: resolve,
    });
    updates.forEach((update, i) => {
      call.send({
        id: String(i),
        inputs: { [input]: update },
        // Begins anew in the middle, too.
        sequence: { id: 1n, start: i === 0 || i === 5, end: i === updates.length - 1 },
      });
    });
    call.end();
  });
  return responses;
}

function values(tensor: Tensor | undefined): Float32Array {
  if (!(tensor?.data instanceof Float32Array)) throw new Error("there is no FP32 output");
  return tensor.data;
}

const random = (seed: number, count: number) =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(seed * 7919 + i * 104729) * 10 ** ((i % 7) - 3));

describe("kernels in TypeScript give the graph's numbers", () => {
  it("snapshotter, bit for bit", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 0, max: 20 }),
        fc.integer({ min: 1, max: 5 }),
        async (channels, strideSize, more, batchSize) => {
          const build = (name: string) =>
            buildSnapshotter({ name, channels, strideSize, batchSize, snapshotSize: strideSize + more });
          const { server, close } = await serveBoth(build, { "strainflow.native": "snapshotter" });
          const all = channels.reduce((sum, size) => sum + size, 0);
          const shape = [1, all, strideSize * batchSize];
          const updates = Array.from({ length: 10 }, (_, i) => ({
            datatype: "FP32" as const,
            shape,
            data: random(i, all * strideSize * batchSize),
          }));
          const graph = await run(server, "graph", "snapshot_update", updates);
          expect(graph[0]?.error).toBeUndefined();
          expect(await run(server, "native", "snapshot_update", updates)).toEqual(graph);
          await close();
        },
      ),
      { numRuns: 6 },
    );
  });

  it("aggregator, to the rounding of float32", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 2, max: 9 }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 0, max: 4 }),
        fc.integer({ min: 0, max: 4 }),
        async (channels, updateSize, numUpdates, batchSize, offset, more) => {
          const kernelSize = updateSize * numUpdates + offset + more;
          const build = (name: string) =>
            buildAggregator({
              name,
              kernelSize,
              updateSize,
              batchSize,
              numUpdates,
              offset,
              ...(channels === undefined ? {} : { channels }),
            });
          const { server, close } = await serveBoth(build, {
            "strainflow.native": "aggregator",
            "strainflow.offset": String(offset),
          });
          const shape = channels === undefined ? [batchSize, kernelSize] : [batchSize, channels, kernelSize];
          const count = shape.reduce((product, size) => product * size, 1);
          const updates = Array.from({ length: 10 }, (_, i) => ({
            datatype: "FP32" as const,
            shape,
            data: random(i, count),
          }));
          const graph = await run(server, "graph", "update", updates);
          const native = await run(server, "native", "update", updates);
          // Values reach 1000, and sums of up to 9 of them are rounded on the way.
          const tolerance = 1000 * 2 ** -20;
          for (const [i, response] of graph.entries()) {
            const expected = response.outputs.output_stream;
            const actual = native[i]?.outputs.output_stream;
            expect(actual?.shape).toEqual(expected?.shape);
            const differences = Array.from(
              values(actual),
              (value, at) => value - (values(expected)[at] ?? Number.NaN),
            );
            expect(values(expected)).toHaveLength(differences.length);
            expect(Math.max(...differences.map(Math.abs))).toBeLessThan(tolerance);
          }
          await close();
        },
      ),
      { numRuns: 6 },
    );
  });
});
