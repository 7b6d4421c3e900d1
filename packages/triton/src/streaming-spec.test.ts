import { fromText } from "@bufbuild/protobuf/txtpb";
import { type ModelConfig, ModelConfigSchema } from "@strainflow/proto";
import type { TensorSpec } from "@strainflow/series";
import { describe, expect, it } from "vitest";
import { type StreamingOverrides, streamingSpec } from "./streaming-spec.ts";

const config = (text: string): ModelConfig => fromText(ModelConfigSchema, text);

/** As Triton's metadata give them: dims with the batch dimension in front where there is one. */
function inputsOf({ input, maxBatchSize }: ModelConfig): TensorSpec[] {
  return input.map(({ name, dims }) => ({
    name,
    datatype: "FP32",
    shape: [...(maxBatchSize > 0 ? [-1] : []), ...dims.map(Number)],
  }));
}

function spec(model: ModelConfig, steps: readonly ModelConfig[] = [], overrides: StreamingOverrides = {}) {
  return streamingSpec({
    config: model,
    inputs: inputsOf(model),
    configs: new Map(steps.map((step) => [step.name, step])),
    overrides,
  });
}

/** The sizes that Triton 2.51 was seen to stream: L = 4096, S = 512, B = 8, two channels; N = 8, U = 1. */
const SNAPSHOTTER = config(`
  name: "snapshotter" platform: "onnxruntime_onnx"
  input { name: "snapshot_update" data_type: TYPE_FP32 dims: [1, 2, 4096] }
  output { name: "snapshot" data_type: TYPE_FP32 dims: [8, 2, 6144] }
  sequence_batching { direct {} state {
    input_name: "input_snapshot" output_name: "output_snapshot" data_type: TYPE_FP32 dims: [1, 2, 6144] } }`);
const NET = config(`
  name: "net" input { name: "x" data_type: TYPE_FP32 dims: [-1, 2, 6144] }
  output { name: "y" data_type: TYPE_FP32 dims: [-1, 8] }`);
const AGGREGATOR = config(`
  name: "aggregator" input { name: "update" data_type: TYPE_FP32 dims: [8, 8] }
  output { name: "output_stream" data_type: TYPE_FP32 dims: [1, 8] }
  sequence_batching { direct {} state {
    input_name: "input_online_average" output_name: "output_online_average" data_type: TYPE_FP32 dims: [15] } }`);
const ENSEMBLE = config(`
  name: "ensemble" platform: "ensemble"
  input { name: "stream" data_type: TYPE_FP32 dims: [1, 2, 4096] }
  output { name: "score" data_type: TYPE_FP32 dims: [1, 8] }
  ensemble_scheduling {
    step { model_name: "snapshotter" input_map { key: "snapshot_update" value: "stream" } output_map { key: "snapshot" value: "windows" } }
    step { model_name: "net" input_map { key: "x" value: "windows" } output_map { key: "y" value: "scores" } }
    step { model_name: "aggregator" input_map { key: "update" value: "scores" } output_map { key: "output_stream" value: "score" } }
  }`);
const KNOWN: StreamingOverrides = { sampleRate: 2048, channels: ["H1", "L1"] };

describe("how a model is streamed", () => {
  it("is read from the model's parameters", () => {
    const model = config(`
      name: "matched-filter-stream" platform: "ensemble"
      input { name: "stream" data_type: TYPE_FP32 dims: [1, 2, 2048] }
      input { name: "inverse_psd" data_type: TYPE_FP32 dims: [2, 1025] }
      parameters { key: "strainflow.stream_input" value { string_value: "stream" } }
      parameters { key: "strainflow.sample_rate" value { string_value: "2048" } }
      parameters { key: "strainflow.channels" value { string_value: "H1,L1" } }
      parameters { key: "strainflow.stride_size" value { string_value: "128" } }
      parameters { key: "strainflow.batch_size" value { string_value: "16" } }
      parameters { key: "strainflow.memory" value { string_value: "2047" } }
      parameters { key: "strainflow.latency" value { string_value: "128" } }
      ensemble_scheduling {}`);
    expect(spec(model)).toEqual({
      input: { name: "stream", datatype: "FP32", shape: [1, 2, 2048] },
      sampleRate: 2048,
      channels: ["H1", "L1"],
      strideSize: 128,
      batchSize: 16,
      updateSize: 1,
      memory: 2047,
      latency: 128,
    });
  });

  it("is found in the states of a snapshotter that is called directly", () => {
    expect(spec(SNAPSHOTTER, [], KNOWN)).toEqual({
      input: { name: "snapshot_update", datatype: "FP32", shape: [1, 2, 4096] },
      ...KNOWN,
      strideSize: 512,
      batchSize: 8,
      updateSize: 1,
      memory: 6144 - 512,
      latency: 0,
    });
  });

  it("is found in the steps of an ensemble, the average's reach and lag included", () => {
    expect(spec(ENSEMBLE, [SNAPSHOTTER, NET, AGGREGATOR], KNOWN)).toEqual({
      input: { name: "stream", datatype: "FP32", shape: [1, 2, 4096] },
      ...KNOWN,
      strideSize: 512,
      batchSize: 8,
      updateSize: 1,
      memory: 6144 - 512 + 7 * 512,
      latency: 7 * 512,
    });
  });

  it("is found through a nested ensemble, by the names that the outer one gives", () => {
    const outer = config(`
      name: "outer" platform: "ensemble"
      input { name: "strain" data_type: TYPE_FP32 dims: [1, 2, 4096] }
      input { name: "threshold" data_type: TYPE_FP32 dims: [1] }
      output { name: "score" data_type: TYPE_FP32 dims: [1, 8] }
      ensemble_scheduling { step { model_name: "ensemble"
        input_map { key: "stream" value: "strain" } output_map { key: "score" value: "score" } } }`);
    const found = spec(outer, [ENSEMBLE, SNAPSHOTTER, NET, AGGREGATOR], KNOWN);
    expect(found).toMatchObject({ input: { name: "strain" }, strideSize: 512, batchSize: 8, latency: 3584 });
  });

  it("takes the number of output samples per stride from the average", () => {
    const aggregator = config(`
      name: "aggregator" input { name: "update" data_type: TYPE_FP32 dims: [8, 1024] }
      output { name: "output_stream" data_type: TYPE_FP32 dims: [1, 512] }
      sequence_batching { state { input_name: "a" output_name: "b" dims: [704] } }`);
    const found = spec(ENSEMBLE, [SNAPSHOTTER, NET, aggregator], KNOWN);
    // U = 512 / 8 = 64; N = 704 / 64 − 7 = 4.
    expect(found).toMatchObject({ updateSize: 64, latency: 3 * 512, memory: 6144 - 512 + 3 * 512 });
  });

  it.each([1, 2])("does not take aframe's snapshotter, of %i streams, for an average", (streams) => {
    const snapshotter = config(`
      name: "snapshotter"
      input { name: "stream" data_type: TYPE_FP32 dims: [${streams}, 2, 2048] }
      output { name: "strain" data_type: TYPE_FP32 dims: [${streams}, 2, 11392] }
      sequence_batching { direct {} state {
        input_name: "input_snapshot" output_name: "output_snapshot" data_type: TYPE_FP32 dims: [${streams}, 2, 9344] } }`);
    const facts = { strideSize: 128, batchSize: 16, memory: 11264, latency: 256 };
    const found = spec(snapshotter, [], { ...KNOWN, ...facts });
    expect(found).toMatchObject({ ...facts, updateSize: 1 });
    expect(found.input.shape).toEqual([streams, 2, 2048]);
  });

  it("takes the number of averaged updates from the averager's parameter, whose state may be smaller", () => {
    const aggregator = config(`
      name: "aggregator" input { name: "update" data_type: TYPE_FP32 dims: [8, 2, 1024] }
      output { name: "output_stream" data_type: TYPE_FP32 dims: [1, 2, 512] }
      parameters { key: "strainflow.num_updates" value { string_value: "4" } }
      sequence_batching { state { input_name: "a" output_name: "b" dims: [1, 2, 192] } }`);
    const found = spec(ENSEMBLE, [SNAPSHOTTER, NET, aggregator], KNOWN);
    expect(found).toMatchObject({ updateSize: 64, latency: 3 * 512, memory: 6144 - 512 + 3 * 512 });
  });

  it("adds up the channels of a snapshotter with several outputs, and takes its parameters", () => {
    const grouped = config(`
      name: "snapshotter" input { name: "snapshot_update" dims: [1, 5, 256] }
      output { name: "snapshot_0" dims: [4, 2, 1024] } output { name: "snapshot_1" dims: [4, 3, 1024] }
      parameters { key: "strainflow.sample_rate" value { string_value: "4096" } }
      parameters { key: "strainflow.channels" value { string_value: "a, b, c, d, e" } }
      sequence_batching { state { input_name: "i" output_name: "o" dims: [1, 5, 1024] } }`);
    expect(spec(grouped)).toMatchObject({
      sampleRate: 4096,
      channels: ["a", "b", "c", "d", "e"],
      strideSize: 64,
      batchSize: 4,
      memory: 960,
    });
  });

  it("fills in a batch dimension, and takes the stride from an option where dims leave the batch out", () => {
    const batched = config(`
      name: "snapshotter" max_batch_size: 1 input { name: "snapshot_update" dims: [2, 4096] }
      output { name: "snapshot" dims: [2, 6144] }
      sequence_batching { state { input_name: "i" output_name: "o" dims: [2, 6144] } }`);
    expect(() => spec(batched, [], KNOWN)).toThrow(
      expect.objectContaining({
        tag: "streaming-spec",
        details: { modelName: "snapshotter", missing: ["strideSize", "batchSize", "memory", "latency"] },
      }),
    );
    expect(spec(batched, [], { ...KNOWN, strideSize: 512 })).toMatchObject({
      input: { shape: [1, 2, 4096] },
      batchSize: 8,
      memory: 5632,
      latency: 0,
    });
  });

  it("prefers options to everything", () => {
    expect(spec(SNAPSHOTTER, [], { ...KNOWN, memory: 10_000, latency: 1024, batchSize: 4 })).toMatchObject({
      memory: 10_000,
      latency: 1024,
      batchSize: 4,
      strideSize: 1024,
    });
  });
});

describe("what trips others is understood:", () => {
  const inputs = (names: readonly string[], channels: number): string =>
    names
      .map((name) => `input { name: "${name}" data_type: TYPE_FP32 dims: [1, ${channels}, 4096] }`)
      .join("\n");

  it("stateful and stateless inputs in one ensemble", () => {
    const mixed = config(`
      name: "mixed" platform: "ensemble" ${inputs(["stream"], 2)}
      input { name: "template" data_type: TYPE_FP32 dims: [32, 128] }
      output { name: "score" data_type: TYPE_FP32 dims: [1, 8] }
      ensemble_scheduling {
        step { model_name: "snapshotter" input_map { key: "snapshot_update" value: "stream" } output_map { key: "snapshot" value: "w" } }
        step { model_name: "net" input_map { key: "x" value: "w" } input_map { key: "t" value: "template" } output_map { key: "y" value: "score" } }
      }`);
    const found = spec(mixed, [SNAPSHOTTER, NET], KNOWN);
    expect(found).toMatchObject({ input: { name: "stream" }, memory: 6144 - 512, latency: 0 });
    expect(found.parts).toBeUndefined();
  });

  const TWO_STATES = config(`
    name: "two-states" ${inputs(["strain"], 2)}
    input { name: "witness" data_type: TYPE_FP64 dims: [1, 3, 4096] }
    output { name: "s" data_type: TYPE_FP32 dims: [8, 2, 6144] } output { name: "w" data_type: TYPE_FP64 dims: [8, 3, 8192] }
    sequence_batching {
      state { input_name: "a" output_name: "b" dims: [1, 2, 6144] }
      state { input_name: "c" output_name: "d" dims: [1, 3, 8192] } }`);
  const FIVE = ["H1", "L1", "a", "b", "c"];

  it("several states in one snapshotter, each with an input: they take the channels in order", () => {
    const found = spec(TWO_STATES, [], { ...KNOWN, channels: FIVE });
    expect(found).toMatchObject({ strideSize: 512, batchSize: 8, memory: 8192 - 512, latency: 0 });
    expect(found.parts).toEqual([
      { input: expect.objectContaining({ name: "strain", shape: [1, 2, 4096] }), channels: ["H1", "L1"] },
      { input: expect.objectContaining({ name: "witness", shape: [1, 3, 4096] }), channels: ["a", "b", "c"] },
    ]);
  });

  it("several states of which some are no snapshots: their reach is asked for, the rest is known", () => {
    const adaptive = config(`
      name: "adaptive" ${inputs(["x"], 2)} output { name: "s" data_type: TYPE_FP32 dims: [8, 2, 6144] }
      sequence_batching {
        state { input_name: "psd" output_name: "psd_out" dims: [2, 1025] }
        state { input_name: "a" output_name: "b" dims: [1, 2, 6144] } }`);
    expect(() => spec(adaptive, [], KNOWN)).toThrow(/states say memory; give streaming\.memory/);
    expect(spec(adaptive, [], { ...KNOWN, memory: 9000 })).toMatchObject({ strideSize: 512, memory: 9000 });
  });

  const branches = (second: string): ModelConfig =>
    config(`
      name: "branches" platform: "ensemble" ${inputs(["stream"], 2)}
      output { name: "p" data_type: TYPE_FP32 dims: [1, 8] } output { name: "q" data_type: TYPE_FP32 dims: [1, 8] }
      ensemble_scheduling {
        step { model_name: "aggregator" input_map { key: "update" value: "y1" } output_map { key: "output_stream" value: "p" } }
        step { model_name: "${second}" input_map { key: "update" value: "y2" } output_map { key: "output_stream" value: "q" } }
        step { model_name: "net" input_map { key: "x" value: "w" } output_map { key: "y" value: "y1" } }
        step { model_name: "net" input_map { key: "x" value: "w" } output_map { key: "y" value: "y2" } }
        step { model_name: "snapshotter" input_map { key: "snapshot_update" value: "stream" } output_map { key: "snapshot" value: "w" } }
      }`);

  it("one snapshot that feeds two models, and two averages side by side: counted once", () => {
    expect(spec(branches("aggregator"), [SNAPSHOTTER, NET, AGGREGATOR], KNOWN)).toMatchObject({
      input: { shape: [1, 2, 4096] },
      memory: 6144 - 512 + 7 * 512,
      latency: 7 * 512,
    });
  });

  it("outputs that lag by different lengths: which one counts is asked for", () => {
    const other = config(`
      name: "short" input { name: "update" data_type: TYPE_FP32 dims: [8, 8] }
      output { name: "output_stream" data_type: TYPE_FP32 dims: [1, 8] }
      sequence_batching { state { input_name: "a" output_name: "b" dims: [9] } }`);
    const steps = [SNAPSHOTTER, NET, AGGREGATOR, other];
    expect(() => spec(branches("short"), steps, KNOWN)).toThrow(/say latency; give streaming\.latency/);
    expect(spec(branches("short"), steps, { ...KNOWN, latency: 512 })).toMatchObject({
      memory: 6144 - 512 + 7 * 512,
      latency: 512,
    });
  });

  it.each([
    ["[1, 2, 4096]", [1, 2, 4096], undefined, 512],
    ["[8, 2, 4096]", [8, 2, 4096], "strides", 4096],
    ["[-1, 2, 4096]", [8, 2, 4096], "strides", 4096],
  ] as const)("states at the output alone, behind an input of %s", (dims, shape, layout, strideSize) => {
    const outputsOnly = config(`
      name: "outputs-only" platform: "ensemble" input { name: "x" data_type: TYPE_FP16 dims: ${dims} }
      output { name: "score" data_type: TYPE_FP32 dims: [1, 8] }
      ensemble_scheduling {
        step { model_name: "net" input_map { key: "x" value: "x" } output_map { key: "y" value: "y" } }
        step { model_name: "aggregator" input_map { key: "update" value: "y" } output_map { key: "output_stream" value: "score" } } }`);
    const found = spec(outputsOnly, [NET, AGGREGATOR], KNOWN);
    expect(found).toMatchObject({
      input: { name: "x", shape },
      strideSize,
      batchSize: 8,
      memory: 7 * strideSize,
      latency: 7 * strideSize,
    });
    expect(found.layout).toBe(layout);
  });

  it("a version for each step: two versions of one model are two models", () => {
    const longer = config(`
      name: "snapshotter" ${inputs(["snapshot_update"], 2)}
      output { name: "snapshot" data_type: TYPE_FP32 dims: [8, 2, 8192] }
      sequence_batching { state { input_name: "i" output_name: "o" dims: [1, 2, 8192] } }`);
    const versioned = config(`
      name: "versioned" platform: "ensemble" ${inputs(["stream"], 2)}
      output { name: "windows" data_type: TYPE_FP32 dims: [8, 2, 8192] }
      ensemble_scheduling { step { model_name: "snapshotter" model_version: 2
        input_map { key: "snapshot_update" value: "stream" } output_map { key: "snapshot" value: "windows" } } }`);
    const configs = new Map([
      ["snapshotter", SNAPSHOTTER],
      ["snapshotter/2", longer],
    ]);
    const found = streamingSpec({
      config: versioned,
      inputs: inputsOf(versioned),
      configs,
      overrides: KNOWN,
    });
    expect(found.memory).toBe(8192 - 512);
  });
});

describe("an error about streaming names what to do", () => {
  it.each<[string, () => unknown, RegExp]>([
    [
      "facts that nothing says",
      () => spec(SNAPSHOTTER),
      /say sampleRate, channels; give streaming\.sampleRate, streaming\.channels/,
    ],
    [
      "an input that is not there",
      () => spec(SNAPSHOTTER, [], { ...KNOWN, input: "x" }),
      /no input "x" \(its inputs are snapshot_update\)/,
    ],
    ["a model without states", () => spec(NET, [], KNOWN), /strideSize, batchSize, memory/],
    [
      "channels that do not fit",
      () => spec(SNAPSHOTTER, [], { ...KNOWN, channels: ["H1"] }),
      /does not fit 1 channels/,
    ],
    [
      "a stride that does not divide",
      () => spec(SNAPSHOTTER, [], { ...KNOWN, strideSize: 1000 }),
      /does not fit 2 channels .* 8 strides of 1000 samples/,
    ],
    [
      "a latency between strides",
      () => spec(SNAPSHOTTER, [], { ...KNOWN, latency: 100 }),
      /whole number of strides of 512/,
    ],
    [
      "a parameter that is no number",
      () =>
        spec(
          config(
            `name: "m" input { name: "x" dims: [1, 1, 8] } parameters { key: "strainflow.memory" value { string_value: "1.5" } }`,
          ),
          [],
          { ...KNOWN, channels: ["H1"], strideSize: 8 },
        ),
      /strainflow\.memory is "1\.5"/,
    ],
  ])("%s", (_, act, message) => {
    expect(act).toThrow(
      expect.objectContaining({ tag: "streaming-spec", message: expect.stringMatching(message) }),
    );
  });

  it("several streamed inputs", () => {
    const two = config(`
      name: "two" platform: "ensemble" input { name: "a" dims: [1, 2, 4096] } input { name: "b" dims: [1, 2, 4096] }
      ensemble_scheduling {
        step { model_name: "snapshotter" input_map { key: "snapshot_update" value: "a" } }
        step { model_name: "snapshotter" input_map { key: "snapshot_update" value: "b" } } }`);
    expect(() => spec(two, [SNAPSHOTTER], KNOWN)).toThrow(
      /several of its inputs are streamed \(a, b\), with 2 \+ 2 channels, and 2 are named/,
    );
    expect(spec(two, [SNAPSHOTTER], { ...KNOWN, channels: ["H1", "L1", "V1", "K1"] }).parts).toHaveLength(2);
    expect(spec(two, [SNAPSHOTTER], { ...KNOWN, input: "b" })).toMatchObject({
      input: { name: "b" },
      strideSize: 512,
    });
  });

  it("an ensemble that contains itself is no endless search", () => {
    const loop = config(`
      name: "loop" platform: "ensemble" input { name: "a" dims: [1, 2, 8] }
      ensemble_scheduling { step { model_name: "loop" input_map { key: "a" value: "a" } } }`);
    expect(() => spec(loop, [loop], KNOWN)).toThrow(expect.objectContaining({ tag: "streaming-spec" }));
  });
});
