import {
  type Block,
  endOf,
  type GapReason,
  type Inference,
  type InferenceBlock,
  type SampleArray,
  type Step,
} from "@strainflow/series";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  createCluster,
  createClusterTriggers,
  createIntegrate,
  createOnlineAverage,
  createOnlineSearch,
  createRankTriggers,
  createSlidingWindow,
  type RankedTriggersBlock,
  type WindowBlock,
} from "./index.ts";

/** A stretch of a made-up stream: data, or a gap with its reason. */
interface Stretch {
  readonly size: number;
  readonly reason?: GapReason;
}

interface Placed {
  readonly start: number;
  readonly size: number;
}

/** One step under the laws: how its input is made and cut, and what its output says, sample by sample. */
interface Case<I extends Placed, O> {
  readonly name: string;
  readonly make: () => Step<I, O>;
  readonly input: (start: number, stretches: readonly Stretch[]) => I[];
  readonly cut: (block: I, start: number, end: number) => I;
  /** Everything that the outputs say, free of where they are cut. */
  readonly spell: (outputs: readonly O[]) => unknown[];
  /** Where the outputs cover time: must be without a hole. Absent for steps that emit events. */
  readonly cover?: (output: O) => Placed;
}

/** Noise that is a function of the absolute index, so that any cutting sees the same data. */
function noise(index: number, salt: number): number {
  const x = Math.sin(index * 12.9898 + salt * 78.233) * 43758.5453;
  return x - Math.floor(x);
}

function samples(start: number, size: number, salt: number): Float64Array {
  // Rounded, so that ties happen; the odd peak stands out.
  return Float64Array.from({ length: size }, (_, i) => {
    const value = noise(start + i, salt);
    return Math.round(value * 20) / 4 + (value > 0.97 ? 6 : 0);
  });
}

const CHANNELS = ["H1", "L1"];

function blocks(channels: readonly string[], sampleRate: number) {
  return (start: number, stretches: readonly Stretch[]): Block[] => {
    let at = start;
    return stretches.map(({ size, reason }) => {
      const place = { quantity: "score", start: at, size, sampleRate, channels };
      at += size;
      return reason === undefined
        ? { kind: "series", ...place, data: channels.map((_, c) => samples(place.start, size, c)) }
        : { kind: "gap", ...place, reason };
    });
  };
}

function cutBlock(block: Block, start: number, end: number): Block {
  const place = { ...block, start, size: end - start };
  return block.kind === "gap"
    ? { ...block, start, size: end - start }
    : {
        ...block,
        ...place,
        kind: "series",
        data: block.data.map((a) => a.subarray(start - block.start, end - block.start)),
      };
}

function inferences(sampleRate: number, output: string, perStride: (index: number) => number[]) {
  return (start: number, stretches: readonly Stretch[]): InferenceBlock[] => {
    let at = start;
    return stretches.map(({ size, reason }) => {
      const place = { start: at, size, sampleRate, channels: CHANNELS };
      at += size;
      if (reason !== undefined) return { kind: "gap", quantity: "inference", ...place, reason };
      const rows = Array.from({ length: size }, (_, i) => perStride(place.start + i));
      const data = Float32Array.from(rows.flat());
      return {
        kind: "inference",
        ...place,
        outputs: { [output]: { datatype: "FP32", shape: [size, data.length / size], data } },
      };
    });
  };
}

function cutInference(block: InferenceBlock, start: number, end: number): InferenceBlock {
  if (block.kind === "gap") return { ...block, start, size: end - start };
  const outputs: Record<string, Inference["outputs"][string]> = {};
  for (const [name, tensor] of Object.entries(block.outputs)) {
    const per = tensor.data.length / block.size;
    if (!(tensor.data instanceof Float32Array)) throw new Error("a float32 tensor was made");
    const data = tensor.data.subarray((start - block.start) * per, (end - block.start) * per);
    outputs[name] = { ...tensor, shape: [end - start, per], data };
  }
  return { ...block, start, size: end - start, outputs };
}

function spellSamples(block: Placed, data: readonly SampleArray[]): unknown[] {
  return Array.from({ length: block.size }, (_, i) => [block.start + i, ...data.map((a) => a[i])]);
}

function spellGap(gap: Placed & { readonly reason: string }): unknown[] {
  return Array.from({ length: gap.size }, (_, i) => [gap.start + i, gap.reason]);
}

function spellBlocks(outputs: readonly Block[]): unknown[] {
  return outputs.flatMap((block) =>
    block.kind === "gap" ? spellGap(block) : spellSamples(block, block.data),
  );
}

function spellWindows(outputs: readonly WindowBlock[]): unknown[] {
  return outputs.flatMap((window) =>
    window.kind === "gap"
      ? spellGap(window)
      : [[window.start, window.size, window.series.start, window.series.data.map((a) => [...a])]],
  );
}

function spellRanked(outputs: readonly RankedTriggersBlock[]): unknown[] {
  return outputs.flatMap((block) =>
    block.kind === "gap"
      ? spellGap(block)
      : Array.from(block.statistic, (value, i) => [block.start + i, value, block.candidates[i]]),
  );
}

/** Triggers of 2 detectors and 3 templates with strides of 8 samples; some loud and coincident. */
function triggers(stride: number): number[] {
  return CHANNELS.flatMap((_, detector) =>
    [0, 1, 2].flatMap((template) => {
      const salt = 10 * detector + template;
      const snr = Math.round(noise(stride, salt) * 28) / 4;
      return [snr, Math.floor(noise(stride, salt + 100) * 8), noise(stride, salt + 200)];
    }),
  );
}

const ranking = {
  channels: CHANNELS,
  sampleRate: 64,
  strideSize: 8,
  templates: 3,
  lightTravelTime: { "H1-L1": 0.05 },
  coincidencePad: 0.02,
};

/** Ranked triggers without gaps in between are what a ranking gives; here they are made and cut directly. */
function rankedBlocks(start: number, stretches: readonly Stretch[]): RankedTriggersBlock[] {
  const step = createRankTriggers(ranking);
  const inputs = inferences(8, "triggers", triggers)(start, stretches);
  return [...inputs.flatMap((block) => step.push(block)), ...step.flush()];
}

function cutRanked(block: RankedTriggersBlock, start: number, end: number): RankedTriggersBlock {
  if (block.kind === "gap") return { ...block, start, size: end - start };
  const [from, to] = [start - block.start, end - block.start];
  return {
    ...block,
    start,
    size: end - start,
    statistic: block.statistic.subarray(from, to),
    candidates: block.candidates.slice(from, to),
  };
}

function lawsOf<I extends Placed, O>(law: Case<I, O>): void {
  const stretches = fc.array(
    fc.record({
      size: fc.integer({ min: 1, max: 40 }),
      reason: fc.constantFrom<GapReason | undefined>(undefined, undefined, undefined, "missing", "not-ready"),
    }),
    { minLength: 1, maxLength: 8 },
  );
  const stream = fc
    .record({ start: fc.integer({ min: -50, max: 1000 }), stretches })
    .map(({ start, stretches: parts }) =>
      law.input(
        start,
        parts.map(({ size, reason }) => (reason === undefined ? { size } : { size, reason })),
      ),
    );
  const cuts = fc.array(fc.integer({ min: 1, max: 13 }), { minLength: 1, maxLength: 20 });

  function chunks(inputs: readonly I[], sizes: readonly number[]): I[] {
    const out: I[] = [];
    let turn = 0;
    for (const block of inputs)
      for (let at = block.start; at < endOf(block); ) {
        const end = Math.min(endOf(block), at + sizes[turn++ % sizes.length]!);
        out.push(law.cut(block, at, end));
        at = end;
      }
    return out;
  }

  const whole = (inputs: readonly I[]): O[] => {
    const step = law.make();
    return [...inputs.flatMap((block) => step.push(block)), ...step.flush()];
  };

  describe(law.name, () => {
    it("gives the same for any chunking", () => {
      fc.assert(
        fc.property(stream, cuts, (inputs, sizes) => {
          expect(law.spell(whole(chunks(inputs, sizes)))).toEqual(law.spell(whole(inputs)));
        }),
        { numRuns: 60 },
      );
    });

    it("goes on from a saved state, saved anywhere, as if nothing had happened", () => {
      fc.assert(
        fc.property(stream, cuts, (inputs, sizes) => {
          let step = law.make();
          const out: O[] = [];
          for (const block of chunks(inputs, sizes)) {
            out.push(...step.push(block));
            const saved = structuredClone(step.save());
            // What the old step does afterwards must not reach into the saved state.
            step.flush();
            step = law.make();
            step.restore(saved);
          }
          out.push(...step.flush());
          expect(law.spell(out)).toEqual(law.spell(whole(inputs)));
        }),
        { numRuns: 40 },
      );
    });

    it("begins anew after a flush", () => {
      fc.assert(
        fc.property(stream, stream, (first, second) => {
          const step = law.make();
          for (const block of first) step.push(block);
          step.flush();
          const again = [...second.flatMap((block) => step.push(block)), ...step.flush()];
          expect(law.spell(again)).toEqual(law.spell(whole(second)));
        }),
        { numRuns: 20 },
      );
    });

    it("never writes to an array that it has emitted", () => {
      fc.assert(
        fc.property(stream, cuts, (inputs, sizes) => {
          const step = law.make();
          const out: O[] = [];
          const seen: unknown[] = [];
          for (const block of chunks(inputs, sizes)) {
            const given = step.push(block);
            out.push(...given);
            seen.push(...structuredClone(law.spell(given)));
          }
          expect(law.spell(out)).toEqual(seen);
        }),
        { numRuns: 20 },
      );
    });

    it("has something to say of this data", () => {
      const said = law.spell(
        whole(law.input(3, [{ size: 120 }, { size: 9, reason: "missing" }, { size: 100 }])),
      );
      const values = said.filter((entry) => !(Array.isArray(entry) && typeof entry[1] === "string"));
      expect(values.length).toBeGreaterThan(3);
    });

    const { cover } = law;
    if (cover !== undefined)
      it("covers time without a hole", () => {
        fc.assert(
          fc.property(stream, cuts, (inputs, sizes) => {
            const step = law.make();
            let covered: number | undefined;
            const check = (outputs: readonly O[]): void => {
              for (const place of outputs.map(cover)) {
                expect(place.size).toBeGreaterThan(0);
                if (covered === undefined)
                  expect(place.start).toBeLessThanOrEqual(inputs[0]!.start / step.stride);
                else expect(place.start).toBe(covered);
                covered = endOf(place);
              }
            };
            for (const block of chunks(inputs, sizes)) {
              check(step.push(block));
              expect(covered ?? inputs[0]!.start / step.stride).toBeGreaterThanOrEqual(
                (endOf(block) - step.latency) / step.stride,
              );
            }
            check(step.flush());
            expect(covered).toBe(endOf(inputs.at(-1)!) / step.stride);
          }),
          { numRuns: 40 },
        );
      });
  });
}

const place = (block: Placed): Placed => block;

for (const [windowSize, strideSize] of [
  [12, 5],
  [8, 8],
  [17, 1],
] as const)
  lawsOf<Block, WindowBlock>({
    name: `createSlidingWindow ${windowSize}/${strideSize}`,
    make: () => createSlidingWindow({ sampleRate: 16, channels: CHANNELS, windowSize, strideSize }),
    input: blocks(CHANNELS, 16),
    cut: cutBlock,
    spell: spellWindows,
    cover: place,
  });

for (const compatibility of [undefined, "aframe"] as const)
  lawsOf<Block, Block>({
    name: `createIntegrate ${compatibility ?? ""}`,
    make: () =>
      createIntegrate({
        sampleRate: 16,
        integrationLength: 0.6,
        channels: CHANNELS,
        ...(compatibility === undefined ? {} : { compatibility }),
      }),
    input: blocks(CHANNELS, 16),
    cut: cutBlock,
    spell: spellBlocks,
    cover: place,
  });

for (const [warmup, offset] of [
  ["drop", 0],
  ["drop", 3],
  ["partial", 0],
  ["reference", 5],
] as const)
  lawsOf<InferenceBlock, Block>({
    name: `createOnlineAverage ${warmup}, offset ${offset}`,
    make: () =>
      createOnlineAverage({
        sampleRate: 64,
        channels: CHANNELS,
        quantity: "clean",
        output: "kernel",
        kernelSize: 22,
        updateSize: 4,
        numUpdates: 4,
        offset,
        warmup,
      }),
    input: inferences(16, "kernel", (index) =>
      Array.from({ length: 2 * 22 }, (_, i) => Math.round(noise(index, i) * 64) / 64),
    ),
    cut: cutInference,
    spell: spellBlocks,
    cover: place,
  });

lawsOf({
  name: "createCluster",
  make: () =>
    createCluster({
      sampleRate: 16,
      clusterLength: 0.5,
      channels: CHANNELS,
      threshold: 2,
      refractoryLength: 0.7,
    }),
  input: blocks(CHANNELS, 16),
  cut: cutBlock,
  spell: (events) => [...events],
});

lawsOf({
  name: "createOnlineSearch",
  make: () =>
    createOnlineSearch({
      sampleRate: 16,
      updateSize: 8,
      integrationLength: 0.5,
      significanceRate: 4,
      threshold: 3.2,
      refractoryLength: 1,
    }),
  input: blocks(["score"], 16),
  cut: cutBlock,
  spell: (events) => [...events],
});

lawsOf({
  name: "createRankTriggers",
  make: () => createRankTriggers(ranking),
  input: inferences(8, "triggers", triggers),
  cut: cutInference,
  spell: spellRanked,
  cover: place,
});

lawsOf({
  name: "createClusterTriggers",
  make: () =>
    createClusterTriggers({ sampleRate: 8, clusterLength: 0.5, threshold: 6, refractoryLength: 0.4 }),
  input: rankedBlocks,
  cut: cutRanked,
  spell: (detections) => [...detections],
});
