import { invalidOption } from "@strainflow/series";
import { positive, type SequencePlacement } from "./model-config.ts";
import { createGraph } from "./onnx/graph.ts";
import { onnxModel } from "./onnx-model.ts";
import { pythonModel } from "./python-model.ts";
import type { Model } from "./repository.ts";

export interface SnapshotterOptions extends SequencePlacement {
  /** Default `snapshotter`. */
  readonly name?: string;
  /** Number of channels, or the sizes of groups of channels: one output per group, in order. */
  readonly channels: number | readonly number[];
  /** Samples of a snapshot, L. */
  readonly snapshotSize: number;
  /** Samples between two snapshots, S ≤ L. */
  readonly strideSize: number;
  /** Snapshots per request, B. */
  readonly batchSize: number;
  /** Name of the input. Default `snapshot_update`. */
  readonly input?: string;
  /** Name of the output. Default `snapshot`; with several groups `snapshot_0`, `snapshot_1`, … */
  readonly output?: string;
}

/**
 * A model whose state is the last L samples of a stream: takes an update `[1, C, S·B]` and gives the B snapshots that
 * end in it, `[B, C, L]`. Snapshot i of an update ends (i + 1)·S samples into it; before the stream there were zeros.
 *
 * With X the state and u the update: cat = X[S:] ++ u; snapshot i is cat[iS : iS + L]; X' = cat[−L:]. (ml4gw,
 * `nn.streaming.Snapshotter`, which keeps L − S samples: the same snapshots.)
 *
 * @throws `invalid-option`
 */
export function buildSnapshotter(options: SnapshotterOptions): Model {
  const { name = "snapshotter", snapshotSize, strideSize, batchSize, input = "snapshot_update" } = options;
  const groups = typeof options.channels === "number" ? [options.channels] : options.channels;
  if (groups.length === 0) throw invalidOption(name, "channels", "empty", "at least one group");
  for (const size of groups) positive(name, "channels", size);
  positive(name, "snapshotSize", snapshotSize);
  positive(name, "batchSize", batchSize);
  if (positive(name, "strideSize", strideSize) > snapshotSize)
    throw invalidOption(name, "strideSize", strideSize, `at most snapshotSize, which is ${snapshotSize}`);

  const channels = groups.reduce((sum, size) => sum + size, 0);
  const base = options.output ?? "snapshot";
  const updateSize = strideSize * batchSize;
  const stateShape = [1, channels, snapshotSize];
  const outputs = groups.map((size, j) => ({
    name: groups.length === 1 ? base : `${base}_${j}`,
    type: "FP32" as const,
    shape: [batchSize, size, snapshotSize],
  }));

  const inputs = [{ name: input, type: "FP32", shape: [1, channels, updateSize] }] as const;
  const parameters = {
    "strainflow.stride_size": strideSize,
    "strainflow.batch_size": batchSize,
    "strainflow.memory": snapshotSize - strideSize,
  };
  if (options.backend === "python") {
    const snapshots = [{ input, outputs: outputs.map((one) => one.name), stride_size: strideSize }];
    return pythonModel(
      {
        name,
        inputs,
        outputs,
        parameters: { ...parameters, "strainflow.snapshots": JSON.stringify(snapshots) },
        script: "snapshotter",
        stateful: true,
      },
      options,
    );
  }

  const g = createGraph(name);
  const update = g.input(input, "FP32", [1, channels, updateSize]);
  const state = g.input("input_snapshot", "FP32", stateShape);
  const axis = g.ints([2]);
  const cut = (value: typeof update, from: number, to: number) =>
    g.op("Slice", [value, g.ints([from]), g.ints([to]), axis]);
  const kept = cut(state, strideSize, snapshotSize);
  const whole = strideSize === snapshotSize ? update : g.op("Concat", [kept, update], { axis: 2 });
  const snapshots = Array.from({ length: batchSize }, (_, i) =>
    cut(whole, i * strideSize, i * strideSize + snapshotSize),
  );
  const batch = g.op("Concat", snapshots, { axis: 0 });
  const parts =
    groups.length === 1 ? [batch] : g.ops("Split", [batch, g.ints(groups)], groups.length, { axis: 1 });
  for (const [j, output] of outputs.entries()) g.output(output.name, parts[j]!, "FP32", output.shape);
  const wholeSize = snapshotSize - strideSize + updateSize;
  g.output("output_snapshot", cut(whole, wholeSize - snapshotSize, wholeSize), "FP32", stateShape);

  return onnxModel(
    {
      name,
      inputs,
      outputs,
      // Our own server copies windows without ONNX Runtime, bit for bit the same; others read past it.
      parameters: { ...parameters, "strainflow.native": "snapshotter" },
      onnx: g.toBytes(),
      states: [{ name: "snapshot", type: "FP32", shape: stateShape }],
    },
    options,
  );
}
