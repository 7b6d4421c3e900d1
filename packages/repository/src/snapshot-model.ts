import { invalidOption } from "@strainflow/series";
import { positive, type SequencePlacement, type TensorDeclaration } from "./model-config.ts";
import { createGraph, type GraphBuilder, type Value } from "./onnx/graph.ts";
import { onnxModel } from "./onnx-model.ts";
import { pythonModel } from "./python-model.ts";
import type { Model } from "./repository.ts";

/** A stream that a snapshotter cuts, and what is cut from it. */
export interface SnapshotStream {
  readonly input: string;
  /** Samples between two snapshots, S. */
  readonly strideSize: number;
  /** Snapshots of groups of its channels, in their order. All end at the same sample. */
  readonly snapshots: readonly Snapshot[];
}

export interface Snapshot {
  readonly output: string;
  /** Channels of the group; 0: one, and the snapshot has no axis for it. */
  readonly channels: number;
  /** Samples, L ≥ S. */
  readonly size: number;
}

/**
 * A snapshotter of one stream or several, each with a state of its own: the last samples that its longest snapshot needs,
 * `[1, C, L]`. Updates are `[1, C, S·B]`, snapshots `[B, c, L]` (`[B, L]` without an axis for channels).
 *
 * @throws `invalid-option`
 */
export function snapshotModel(
  name: string,
  batchSize: number,
  streams: readonly SnapshotStream[],
  placement: SequencePlacement,
): Model {
  positive(name, "batchSize", batchSize);
  const inputs = streams.map((stream) => {
    checkStream(name, stream);
    return {
      name: stream.input,
      type: "FP32",
      shape: [1, channelsOf(stream), stream.strideSize * batchSize],
    } as const;
  });
  const outputs = streams.flatMap(({ snapshots }) =>
    snapshots.map(({ output, channels, size }) => ({
      name: output,
      type: "FP32" as const,
      shape: channels === 0 ? [batchSize, size] : [batchSize, channels, size],
    })),
  );
  const names = [...inputs, ...outputs].map((tensor) => tensor.name);
  const twice = names.find((one, i) => names.indexOf(one) !== i);
  if (twice !== undefined)
    throw invalidOption(name, "names of inputs and outputs", twice, "different from each other");
  const [first] = streams;
  if (first === undefined) throw invalidOption(name, "streams", "empty", "at least one");
  const parameters = {
    "strainflow.stride_size": first.strideSize,
    "strainflow.batch_size": batchSize,
    "strainflow.memory": Math.max(...streams.map((stream) => longest(stream) - stream.strideSize)),
    "strainflow.latency": 0,
  };
  if (placement.backend === "python") {
    const described = streams.map(({ input, strideSize, snapshots }) => ({
      input,
      outputs: snapshots.map(({ output }) => output),
      stride_size: strideSize,
    }));
    const told = { ...parameters, "strainflow.snapshots": JSON.stringify(described) };
    return pythonModel(
      { name, inputs, outputs, parameters: told, script: "snapshotter", stateful: true },
      placement,
    );
  }
  const g = createGraph(name);
  const states = streams.map((stream, i) =>
    addStream(g, streams.length === 1 ? "snapshot" : `snapshot_${i}`, batchSize, stream),
  );
  // Our own server copies the windows of one stream without ONNX Runtime, bit for bit the same; others read past it.
  const isPlain =
    streams.length === 1 &&
    first.snapshots.every(({ channels, size }) => channels > 0 && size === longest(first));
  const told = isPlain ? { ...parameters, "strainflow.native": "snapshotter" } : parameters;
  return onnxModel({ name, inputs, outputs, parameters: told, onnx: g.toBytes(), states }, placement);
}

const channelsOf = ({ snapshots }: SnapshotStream): number =>
  snapshots.reduce((sum, { channels }) => sum + Math.max(1, channels), 0);

const longest = ({ snapshots }: SnapshotStream): number => Math.max(...snapshots.map(({ size }) => size));

function checkStream(name: string, { strideSize, snapshots }: SnapshotStream): void {
  positive(name, "strideSize", strideSize);
  if (snapshots.length === 0) throw invalidOption(name, "channels", "empty", "at least one group");
  for (const { channels, size } of snapshots) {
    if (channels !== 0) positive(name, "channels", channels);
    positive(name, "snapshotSize", size);
    if (strideSize > size)
      throw invalidOption(name, "strideSize", strideSize, `at most snapshotSize, which is ${size}`);
  }
}

/** With X the state and u the update: cat = X[S:] ++ u; snapshot i is cat[iS : iS + L]; X' = cat[−L:]. */
function addStream(
  g: GraphBuilder,
  state: string,
  batchSize: number,
  stream: SnapshotStream,
): TensorDeclaration {
  const { input, strideSize, snapshots } = stream;
  const channels = channelsOf(stream);
  const size = longest(stream);
  const shape = [1, channels, size];
  const update = g.input(input, "FP32", [1, channels, strideSize * batchSize]);
  const before = g.input(`input_${state}`, "FP32", shape);
  const cut = (value: Value, from: number, to: number, axis = 2): Value =>
    g.op("Slice", [value, g.ints([from]), g.ints([to]), g.ints([axis])]);
  const kept = cut(before, strideSize, size);
  const whole = strideSize === size ? update : g.op("Concat", [kept, update], { axis: 2 });
  const wholeSize = size + strideSize * (batchSize - 1);
  let first = 0;
  for (const snapshot of snapshots) {
    const count = Math.max(1, snapshot.channels);
    const group = snapshots.length === 1 ? whole : cut(whole, first, first + count, 1);
    first += count;
    const windows = Array.from({ length: batchSize }, (_, i) => {
      const end = i * strideSize + size;
      return cut(group, end - snapshot.size, end);
    });
    const batch = g.op("Concat", windows, { axis: 0 });
    const withAxis = [batchSize, count, snapshot.size];
    if (snapshot.channels > 0) g.output(snapshot.output, batch, "FP32", withAxis);
    else g.output(snapshot.output, g.op("Squeeze", [batch, g.ints([1])]), "FP32", [batchSize, snapshot.size]);
  }
  g.output(`output_${state}`, cut(whole, wholeSize - size, wholeSize), "FP32", shape);
  return { name: state, type: "FP32", shape };
}
