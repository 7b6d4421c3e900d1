import type { ModelConfig } from "@strainflow/proto";
import { describe, expect, it } from "vitest";
import { AGGREGATOR, config, inputsOf, KNOWN, NET, SNAPSHOTTER, spec } from "../testing/streaming-models.ts";
import { streamingSpec } from "./streaming-spec.ts";

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

  const PYTHON = (snapshots: string): ModelConfig =>
    config(`
    name: "snapshotter" backend: "python" ${inputs(["strain"], 2)}
    input { name: "witness" data_type: TYPE_FP32 dims: [1, 3, 4096] }
    output { name: "s" data_type: TYPE_FP32 dims: [8, 2, 6144] } output { name: "w" data_type: TYPE_FP32 dims: [8, 2, 8192] }
    output { name: "m" data_type: TYPE_FP32 dims: [8, 512] }
    sequence_batching { direct {} control_input { name: "START" control { kind: CONTROL_SEQUENCE_START int32_false_true: [0, 1] } } }
    parameters { key: "strainflow.stride_size" value: { string_value: "512" } }
    parameters { key: "strainflow.snapshots" value: { string_value: '${snapshots}' } }`);
  const DECLARED = [
    { input: "strain", outputs: ["s"], stride_size: 512 },
    { input: "witness", outputs: ["w", "m"], stride_size: 512 },
  ];
  const AVERAGER = config(`
    name: "aggregator" backend: "python" input { name: "update" data_type: TYPE_FP32 dims: [8, 8] }
    output { name: "output_stream" data_type: TYPE_FP32 dims: [1, 8] }
    sequence_batching { direct {} }
    parameters { key: "strainflow.num_updates" value: { string_value: "4" } }`);

  it("several streams of a snapshotter without states, which the python backend keeps, and an average behind", () => {
    const ensemble = config(`
      name: "both" platform: "ensemble" ${inputs(["h"], 2)} input { name: "aux" data_type: TYPE_FP32 dims: [1, 3, 4096] }
      output { name: "score" data_type: TYPE_FP32 dims: [1, 8] }
      ensemble_scheduling {
        step { model_name: "snapshotter" input_map [ { key: "strain" value: "h" }, { key: "witness" value: "aux" } ]
          output_map [ { key: "s" value: "s" }, { key: "w" value: "w" }, { key: "m" value: "m" } ] }
        step { model_name: "net" input_map { key: "x" value: "s" } output_map { key: "y" value: "y" } }
        step { model_name: "aggregator" input_map { key: "update" value: "y" } output_map { key: "output_stream" value: "score" } } }`);
    const known = { ...KNOWN, channels: FIVE };
    const found = spec(ensemble, [PYTHON(JSON.stringify(DECLARED)), NET, AVERAGER], known);
    expect(found).toMatchObject({
      strideSize: 512,
      batchSize: 8,
      updateSize: 1,
      memory: 8192 - 512 + 3 * 512,
      latency: 3 * 512,
    });
    expect(found.parts).toEqual([
      { input: expect.objectContaining({ name: "h", shape: [1, 2, 4096] }), channels: ["H1", "L1"] },
      { input: expect.objectContaining({ name: "aux", shape: [1, 3, 4096] }), channels: ["a", "b", "c"] },
    ]);
  });

  it.each([
    ["no JSON", "nope"],
    ["no list", '{"input": "strain"}'],
    ["a tensor that is not there", JSON.stringify([{ ...DECLARED[0], outputs: ["z"] }, DECLARED[1]])],
    ["channels that do not add up", JSON.stringify([DECLARED[0], { ...DECLARED[1], outputs: ["w"] }])],
  ])("is asked for where its streams are told by %s", (_, text) => {
    expect(() => spec(PYTHON(text), [], { ...KNOWN, channels: FIVE })).toThrow(
      /which of its inputs \(strain, witness\) takes the stream is not known; give streaming\.input/,
    );
  });

  it.each([
    ["[8, 2, 6144]", "[8, 6144]", 3],
    ["[8, 6144]", "[8, 6144]", 2],
  ])("snapshots of %s and %s: one without an axis for channels has one", (first, second, channels) => {
    const flat = config(`
      name: "flat" ${inputs(["x"], channels)}
      output { name: "a" data_type: TYPE_FP32 dims: ${first} } output { name: "b" data_type: TYPE_FP32 dims: ${second} }
      sequence_batching { state { input_name: "i" output_name: "o" dims: [1, ${channels}, 6144] } }`);
    const known = { ...KNOWN, channels: FIVE.slice(0, channels) };
    expect(spec(flat, [], known)).toMatchObject({ strideSize: 512, batchSize: 8, memory: 6144 - 512 });
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
