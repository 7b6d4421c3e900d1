import { type Block, type Gap, type SampleArray, type TimeSeries, timeSeries } from "@strainflow/series";
import { RecordBatchStreamReader, tableFromIPC } from "apache-arrow";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeBlock, encodeBlock } from "./message-codec.ts";

const START = 1_126_259_446 * 4096 + 17;

const finite64 = fc.double({ noNaN: true, noDefaultInfinity: true });
const finite32 = fc.float({ noNaN: true, noDefaultInfinity: true });

const seriesArbitrary: fc.Arbitrary<TimeSeries<"strain">> = fc
  .record({
    size: fc.integer({ min: 1, max: 300 }),
    sampleRate: fc.constantFrom(1, 16, 2048, 4096, 16_384, 44_100),
    second: fc.integer({ min: 0, max: 2_000_000_000 }),
    phase: fc.nat(40_000),
    channels: fc.uniqueArray(fc.stringMatching(/^[A-Z][A-Z0-9:_-]{0,12}$/), { minLength: 1, maxLength: 4 }),
    double: fc.boolean(),
  })
  .chain(({ size, sampleRate, second, phase, channels, double }) =>
    fc
      .tuple(
        ...channels.map((): fc.Arbitrary<SampleArray> => {
          const bounds = { minLength: size, maxLength: size };
          return double
            ? fc.array(finite64, bounds).map((values) => Float64Array.from(values))
            : fc.array(finite32, bounds).map((values) => Float32Array.from(values));
        }),
      )
      .map((data) =>
        timeSeries({
          quantity: "strain",
          start: second * sampleRate + (phase % sampleRate),
          sampleRate,
          channels,
          data,
        }),
      ),
  );

const gapArbitrary: fc.Arbitrary<Gap<"strain">> = fc
  .record({
    size: fc.oneof(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 65_000, max: 1e9 })),
    start: fc.nat(2 ** 40),
    reason: fc.constantFrom("missing" as const, "lost" as const, "late" as const, "not-ready" as const),
    detail: fc.option(fc.string(), { nil: undefined }),
  })
  .map(({ detail, ...rest }) => ({
    kind: "gap",
    quantity: "strain",
    sampleRate: 4096,
    channels: ["H1", "L1"],
    ...rest,
    ...(detail === undefined ? {} : { detail }),
  }));

function ramp(size: number, extra: Partial<TimeSeries<"strain">> = {}): TimeSeries<"strain"> {
  return timeSeries({
    quantity: "strain",
    start: START,
    sampleRate: 4096,
    channels: ["H1"],
    data: [Float64Array.from({ length: size }, (_, i) => i * 1e-21)],
    ...extra,
  });
}

describe("message codec", () => {
  test("a series comes back as it went, bit by bit, at any alignment of the bytes", () => {
    fc.assert(
      fc.property(seriesArbitrary, fc.nat(9), (series, shift) => {
        const bytes = encodeBlock(series);
        const moved = new Uint8Array(bytes.length + shift);
        moved.set(bytes, shift);
        expect(decodeBlock(moved.subarray(shift))).toStrictEqual([series]);
      }),
      { numRuns: 150 },
    );
  });

  test("a gap keeps its length, reason and detail, short or long", () => {
    fc.assert(
      fc.property(gapArbitrary, (gap) => {
        const bytes = encodeBlock(gap);
        expect(bytes.length).toBeLessThan(20 * 65_536);
        expect(decodeBlock(bytes)).toStrictEqual([gap]);
      }),
      { numRuns: 100 },
    );
  });

  test("samples are views of the message", () => {
    const bytes = encodeBlock(ramp(64));
    const [block] = decodeBlock(bytes);
    expect(block?.kind === "series" && block.data[0]?.buffer === bytes.buffer).toBe(true);
  });

  test("float32 stays float32, and channels may differ in type", () => {
    const mixed = ramp(4, {
      channels: ["A", "B"],
      data: [Float32Array.of(1, 2, 3, 4), Float64Array.of(5, 6, 7, 8)],
    });
    expect(decodeBlock(encodeBlock(mixed))).toStrictEqual([mixed]);
  });

  test("channels are selected, in the order asked for", () => {
    const both = ramp(2, { channels: ["H1", "L1"], data: [Float64Array.of(1, 2), Float64Array.of(3, 4)] });
    expect(decodeBlock(encodeBlock(both), { channels: ["L1"] })).toStrictEqual([
      { ...both, channels: ["L1"], data: [Float64Array.of(3, 4)] },
    ]);
    expect(() => decodeBlock(encodeBlock(both), { channels: ["V1"] })).toThrow("there is no channel V1");
  });

  test("values that are not finite become gaps that say so", () => {
    const data = Float64Array.of(1, Number.NaN, Number.NaN, 4, Number.POSITIVE_INFINITY, 6);
    const blocks = decodeBlock(encodeBlock(ramp(6, { data: [data] })));
    expect(
      blocks.map((b: Block) => [b.start - START, b.size, b.kind === "gap" ? b.reason : "values"]),
    ).toEqual([
      [0, 1, "values"],
      [1, 2, "missing"],
      [3, 1, "values"],
      [4, 1, "damaged"],
      [5, 1, "values"],
    ]);
  });

  test("apache-arrow reads what is written", () => {
    fc.assert(
      fc.property(seriesArbitrary, (series) => {
        const table = tableFromIPC(encodeBlock(series));
        expect(table.numRows).toBe(1);
        expect(table.schema.fields.map((f) => f.name)).toEqual(["time", ...series.channels]);
        expect(table.schema.fields[1]!.metadata.get("rate")).toBe(String(series.sampleRate));
        series.channels.forEach((_, i) => {
          const list: unknown = table
            .getChildAt(i + 1)!
            .get(0)
            .toArray();
          expect(list).toStrictEqual(series.data[i]);
        });
      }),
      { numRuns: 60 },
    );
    const gap: Gap = {
      kind: "gap",
      quantity: "strain",
      start: START,
      size: 11,
      sampleRate: 4096,
      channels: ["H1"],
      reason: "lost",
    };
    const [batch] = [...RecordBatchStreamReader.from(encodeBlock(gap))];
    expect([...batch!.getChildAt(1)!.get(0)]).toEqual(new Array(11).fill(null));
  });

  test("side tensors are refused, not dropped", () => {
    const side = { inverse_psd: { datatype: "FP32" as const, shape: [1], data: Float32Array.of(1) } };
    expect(() => encodeBlock({ ...ramp(2), side })).toThrow(
      expect.objectContaining({ tag: "arrow-unsupported" }),
    );
  });

  test("limits hold", () => {
    const bytes = encodeBlock(
      ramp(100, { data: [Float64Array.from({ length: 100 }, (_, i) => (i % 2 ? Number.NaN : 1))] }),
    );
    const tooLarge = expect.objectContaining({ tag: "arrow-too-large" });
    expect(() => decodeBlock(bytes, { maxBytes: 100 })).toThrow(tooLarge);
    expect(() => decodeBlock(bytes, { maxBlocks: 50 })).toThrow(tooLarge);
    expect(() =>
      decodeBlock(
        encodeBlock(ramp(1, { channels: ["A", "B"], data: [Float64Array.of(1), Float64Array.of(1)] })),
        { maxChannels: 1 },
      ),
    ).toThrow(tooLarge);
    expect(() => decodeBlock(bytes, { maxBlocks: 0 })).toThrow("maxBlocks is 0");
  });
});
