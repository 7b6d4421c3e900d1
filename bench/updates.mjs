// Updates through the whole way to a server and back: the client, HTTP/2, and an ensemble of snapshotter and network,
// with a network that costs next to nothing. Server and client are processes of their own on one machine. Held against
// Triton's own Python client, which streams the same updates to the same server; and our own transport against grpc-js.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { launch } from "@strainflow/launch";
import { buildStreamingNetwork, createGraph, createRepository } from "@strainflow/repository";
import { ask } from "./child.mjs";
import { measureAlone, measurePairs, outcome } from "./pairs.mjs";
import { pythonWith } from "./python.mjs";

const PAIRS = 5;
const CHANNELS = ["H1", "L1"];
const RATE = 2048;
/** Requests under way at once: the default of `inferSequence`. */
const IN_FLIGHT = 8;
const client = fileURLToPath(new URL("stream-updates.mjs", import.meta.url));
const peer = fileURLToPath(new URL("stream_updates.py", import.meta.url));

/** Two channels of float32: an update has 8 · stride · batch bytes. */
const sizes = [
  { label: "1 KB", strideSize: 128, batchSize: 1, count: 2000 },
  { label: "64 KB", strideSize: 128, batchSize: 64, count: 500 },
  { label: "1 MiB", strideSize: 2048, batchSize: 64, count: 60 },
];

const ensemble = ({ strideSize, batchSize }) => `largest-${strideSize * batchSize}`;

async function buildRepository(path) {
  const repository = await createRepository(path);
  for (const size of sizes) {
    const { strideSize, batchSize } = size;
    const kernelSize = 2 * strideSize;
    const g = createGraph("largest");
    const kernel = g.input("kernel", "FP32", [batchSize, CHANNELS.length, kernelSize]);
    g.output("largest", g.op("ReduceMax", [kernel], { axes: [1, 2], keepdims: 0 }), "FP32", [batchSize]);
    await buildStreamingNetwork({
      repository,
      name: `network-${strideSize * batchSize}`,
      onnx: g.toBytes(),
      sampleRate: RATE,
      channels: CHANNELS,
      inferenceSamplingRate: RATE / strideSize,
      batchSize,
      ensembleName: ensemble(size),
      snapshotterName: `snapshotter-${strideSize * batchSize}`,
    });
  }
}

/** Pairs of two numbers each, as pairs of one of them. */
function pick(samples, key) {
  return samples.map(({ ours, theirs }) => ({
    ours: ours[key],
    ...(theirs === undefined ? {} : { theirs: theirs[key] }),
  }));
}

export async function measure() {
  const python = pythonWith("tritonclient.grpc");
  const absent = python ? {} : { note: "tritonclient is not here: no Python that has it" };
  const against = "tritonclient (Python)";
  const folder = await mkdtemp(join(tmpdir(), "strainflow-bench-"));
  await buildRepository(folder);
  const server = await launch({ runtime: "embedded", repository: folder, httpPort: false });
  try {
    const lines = [];
    for (const size of sizes) {
      const { label, strideSize, batchSize, count } = size;
      const options = {
        address: server.address,
        model: ensemble(size),
        channels: CHANNELS.length,
        updateSize: strideSize * batchSize,
        count,
        inFlight: IN_FLIGHT,
      };
      const over = (transport) => () => ask(process.execPath, [client], { ...options, transport });
      const ours = over("frames");
      const theirs = () => ask(python, [peer], options);
      const samples = python ? await measurePairs(PAIRS, ours, theirs) : await measureAlone(PAIRS, ours);
      const rates = pick(samples, "updatesPerSecond");
      const costs = pick(samples, "cpuMicroseconds");
      const transports = await measurePairs(PAIRS, ours, over("grpc-js"));
      lines.push(
        outcome({ name: `updates/${label}`, unit: "updates/s", against, samples: rates, ...absent }),
        outcome({
          name: `updates/${label}, client CPU`,
          unit: "µs/update",
          against,
          samples: costs,
          cost: true,
          ...absent,
        }),
        outcome({
          name: `updates/${label}, client CPU over frames`,
          unit: "µs/update",
          against: "over grpc-js",
          samples: pick(transports, "cpuMicroseconds"),
          cost: true,
        }),
      );
    }
    return lines;
  } finally {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  }
}
