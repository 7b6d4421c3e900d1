import { positive, type SequencePlacement } from "./model-config.ts";
import { createGraph } from "./onnx/graph.ts";
import { onnxModel } from "./onnx-model.ts";
import type { Model } from "./repository.ts";

export interface BackgroundSnapshotterOptions extends SequencePlacement {
  /** Default `snapshotter`. */
  readonly name?: string;
  readonly streams: number;
  readonly channels: number;
  /** Samples kept. */
  readonly stateSize: number;
  /** Samples of a request. */
  readonly updateSize: number;
  /** Default `stream`. */
  readonly input?: string;
  /** Default `strain`. */
  readonly output?: string;
}

/**
 * A model whose state is the stream's last `stateSize` samples, and whose output is state and update together:
 * `[streams, D, update]` in, `[streams, D, state + update]` out.
 *
 * @throws `invalid-option`
 */
export function buildBackgroundSnapshotter(options: BackgroundSnapshotterOptions): Model {
  const { name = "snapshotter", streams, channels, stateSize, updateSize } = options;
  const { input = "stream", output = "strain" } = options;
  for (const [option, value] of Object.entries({ streams, channels, stateSize, updateSize }))
    positive(name, option, value);
  const updateShape = [streams, channels, updateSize];
  const stateShape = [streams, channels, stateSize];
  const wholeShape = [streams, channels, stateSize + updateSize];
  const g = createGraph(name);
  const update = g.input(input, "FP32", updateShape);
  const whole = g.op("Concat", [g.input("input_snapshot", "FP32", stateShape), update], { axis: 2 });
  const next = g.op("Slice", [whole, g.ints([updateSize]), g.ints([stateSize + updateSize]), g.ints([2])]);
  g.output(output, whole, "FP32", wholeShape);
  g.output("output_snapshot", next, "FP32", stateShape);
  return onnxModel(
    {
      name,
      inputs: [{ name: input, type: "FP32", shape: updateShape }],
      outputs: [{ name: output, type: "FP32", shape: wholeShape }],
      parameters: { "strainflow.memory": stateSize, "strainflow.latency": 0 },
      onnx: g.toBytes(),
      states: [{ name: "snapshot", type: "FP32", shape: stateShape }],
    },
    options,
  );
}
