// A network of one's own, as an ONNX file `[batch, ifos, kernel] → [batch, 1]`: one call makes a streaming ensemble of it.
import { writeFile } from "node:fs/promises";
import {
  align,
  cluster,
  fromReader,
  inferSequence,
  integrate,
  reassemble,
  whiten,
} from "@strainflow/operators";
import { buildStreamingNetwork, createGraph, createRepository } from "@strainflow/repository";
import { formatNs, indexToNs } from "@strainflow/series";
import { createServer } from "@strainflow/server";
import { lastValueFrom, tap } from "rxjs";
import { scratchFolder, simulated } from "./support.ts";

await using folder = await scratchFolder();

// Stands for what a training run exports: how much louder than noise both detectors are together.
const graph = createGraph("loudness");
const kernel = graph.input("kernel", "FP32", [8, 2, 1024]);
const power = graph.op("ReduceMean", [graph.op("Mul", [kernel, kernel])], { axes: [1, 2], keepdims: 0 });
graph.output("score", graph.op("Reshape", [power, graph.ints([8, 1])]), "FP32", [8, 1]);
await writeFile(`${folder.path}/network.onnx`, graph.toBytes());

await buildStreamingNetwork({
  repository: await createRepository(`${folder.path}/models`),
  name: "loudness",
  onnx: `${folder.path}/network.onnx`,
  sampleRate: 2048,
  channels: ["H1", "L1"],
  inferenceSamplingRate: 16,
  batchSize: 8,
});
const server = await createServer({ repository: `${folder.path}/models` });
const name = server.models.find(({ platform }) => platform === "ensemble")?.name ?? "";

await lastValueFrom(
  fromReader(simulated(48)).pipe(
    align({ ifos: ["H1", "L1"], sampleRate: 2048 }),
    whiten({ psdLength: 8 }),
    inferSequence(server.inProcess(name)),
    reassemble(),
    integrate({ integrationLength: 0.25 }),
    cluster({ clusterLength: 4, threshold: 1.15 }),
    tap((event) => {
      console.log(
        `GPS ${formatNs(indexToNs(event.index, event.sampleRate), 2)}  ${event.statistic.toFixed(3)}`,
      );
    }),
  ),
  { defaultValue: undefined },
);
await server.close();
