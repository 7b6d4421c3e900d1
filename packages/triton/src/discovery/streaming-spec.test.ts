import { describe, expect, it } from "vitest";
import { AGGREGATOR, config, ENSEMBLE, KNOWN, NET, SNAPSHOTTER, spec } from "../testing/streaming-models.ts";

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
