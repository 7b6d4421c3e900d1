import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Block, endOf, timeSeries } from "@strainflow/series";
import fc from "fast-check";
import * as h5wasm from "h5wasm/node";
import { beforeAll, describe, expect, it } from "vitest";
import { butterworth, settlingSize } from "./butterworth.ts";
import { createHighpass } from "./highpass.ts";
import { restState, sosFilter, sosFilterZeroPhase, steadyState } from "./sos-filter.ts";

const shared = process.env.STRAINFLOW_SHARED ?? fileURLToPath(new URL("../../../../shared", import.meta.url));
const present = existsSync(`${shared}/fixtures`) || process.env.STRAINFLOW_REQUIRE === "all";

function noise(size: number, seed: number): Float64Array {
  let state = seed | 1;
  return Float64Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  });
}

/** |H| at a frequency, from the impulse response. */
function gain(filter: ReturnType<typeof butterworth>, frequency: number, sampleRate: number): number {
  const impulse = new Float64Array(1 << 14);
  impulse[0] = 1;
  sosFilter(filter, restState(filter), impulse, impulse);
  let re = 0;
  let im = 0;
  impulse.forEach((value, n) => {
    re += value * Math.cos((2 * Math.PI * frequency * n) / sampleRate);
    im += value * Math.sin((2 * Math.PI * frequency * n) / sampleRate);
  });
  return Math.hypot(re, im);
}

describe("butterworth", () => {
  it("passes 1/√2 at its corners, 1 in the band and nothing at the zeros, for odd and even orders", () => {
    for (const order of [1, 2, 3, 5, 8]) {
      const highpass = butterworth({ sampleRate: 512, order, corner: { highpass: 30 } });
      expect(gain(highpass, 30, 512)).toBeCloseTo(Math.SQRT1_2, 8);
      expect(gain(highpass, 256, 512)).toBeCloseTo(1, 8);
      expect(gain(highpass, 0, 512)).toBeLessThan(1e-8);
      const lowpass = butterworth({ sampleRate: 512, order, corner: { lowpass: 100 } });
      expect(gain(lowpass, 100, 512)).toBeCloseTo(Math.SQRT1_2, 8);
      expect(gain(lowpass, 0, 512)).toBeCloseTo(1, 8);
      const bandpass = butterworth({ sampleRate: 512, order, corner: { bandpass: [40, 120] } });
      expect(bandpass.length).toBe(order);
      expect(gain(bandpass, 40, 512)).toBeCloseTo(Math.SQRT1_2, 8);
      expect(gain(bandpass, 120, 512)).toBeCloseTo(Math.SQRT1_2, 8);
      expect(gain(bandpass, 256, 512)).toBeLessThan(1e-8);
    }
  });

  it("says how long it rings", () => {
    const filter = butterworth({ sampleRate: 2048, order: 4, corner: { highpass: 20 } });
    const size = settlingSize(filter, 1e6);
    const impulse = new Float64Array(2 * size);
    impulse[0] = 1;
    sosFilter(filter, restState(filter), impulse, impulse);
    const largest = Math.max(...impulse.subarray(size).map(Math.abs));
    expect(largest).toBeLessThan(1e-6);
    expect(size).toBeLessThan(0.5 * 2048);
  });

  it("refuses corners outside the band and orders that mean nothing", () => {
    expect(() => butterworth({ sampleRate: 512, order: 4, corner: { highpass: 256 } })).toThrow(
      /corner is 256/,
    );
    expect(() => butterworth({ sampleRate: 512, order: 0, corner: { lowpass: 20 } })).toThrow(/order/);
    expect(() => butterworth({ sampleRate: 512, order: 2, corner: { bandpass: [90, 20] } })).toThrow(/lower/);
  });
});

describe("sosFilter", () => {
  it("gives the same bytes in blocks and in one call", () => {
    const filter = butterworth({ sampleRate: 512, order: 5, corner: { highpass: 20 } });
    const x = noise(1000, 3);
    const whole = new Float64Array(1000);
    sosFilter(filter, restState(filter), x, whole);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 9 }), (sizes) => {
        const state = restState(filter);
        const out = new Float64Array(1000);
        for (let at = 0, i = 0; at < 1000; i++) {
          const end = Math.min(1000, at + sizes[i % sizes.length]!);
          sosFilter(filter, state, x.subarray(at, end), out.subarray(at, end));
          at = end;
        }
        expect(out).toEqual(whole);
      }),
      { numRuns: 30 },
    );
  });
});

describe("createHighpass", () => {
  const sampleRate = 512;
  const channels = ["H1", "L1"];
  const options = { sampleRate, channels, corner: 20 };
  const data = [noise(3000, 5), noise(3000, 6)].map((x) => x.map((v) => 1e-21 * v + 1e-19));
  const block = (from: number, to: number): Block<"strain"> =>
    timeSeries({
      quantity: "strain",
      start: 7_000_000_001 + from,
      sampleRate,
      channels,
      data: data.map((x) => x.subarray(from, to)),
    });
  const flat = (blocks: readonly Block[]): string[] =>
    blocks.flatMap((one) =>
      Array.from({ length: one.size }, (_, n) => (one.kind === "gap" ? one.reason : String(one.data[1]![n]))),
    );

  it("gives the same bytes for any chunking and from any saved state", () => {
    const whole = createHighpass(options);
    const expected = flat([...whole.push(block(0, 3000)), ...whole.flush()]);
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 9 }),
        fc.nat(8),
        (sizes, moveAt) => {
          let step = createHighpass(options);
          const out: Block[] = [];
          for (let at = 0, i = 0; at < 3000; i++) {
            const end = Math.min(3000, at + sizes[i % sizes.length]!);
            if (i === moveAt) {
              const next = createHighpass(options);
              next.restore(structuredClone(step.save()));
              step = next;
            }
            out.push(...step.push(block(at, end)));
            at = end;
          }
          expect(flat([...out, ...step.flush()])).toEqual(expected);
        },
      ),
      { numRuns: 30 },
    );
  });

  it("takes an offset away, and marks the time in which it still settles, at the start and after a gap", () => {
    const step = createHighpass({ ...options, settlingLength: 0.5 });
    expect(step.memory).toBe("unbounded");
    expect(step.latency).toBe(0);
    const out = flat([
      ...step.push(block(0, 1500)),
      ...step.push({ ...block(1500, 1510), kind: "gap", quantity: "strain", reason: "lost" }),
      ...step.push(block(1510, 3000)),
      ...step.flush(),
    ]);
    expect(out.length).toBe(3000);
    expect(new Set(out.slice(0, 256))).toEqual(new Set(["warm-up"]));
    expect(new Set(out.slice(1500, 1510))).toEqual(new Set(["lost"]));
    expect(new Set(out.slice(1510, 1510 + 256))).toEqual(new Set(["spoiled"]));
    for (const value of [...out.slice(256, 1500), ...out.slice(1510 + 256)])
      expect(Math.abs(Number(value))).toBeLessThan(3e-21);
    const last = createHighpass(options);
    expect(endOf(last.push(block(0, 700)).at(-1)!)).toBe(7_000_000_701);
  });
});

describe.skipIf(!present)("butterworth against scipy (needs ../shared/fixtures)", () => {
  beforeAll(async () => {
    await h5wasm.ready;
  });

  it.each([0, 1, 2, 3])("configuration %i: sections, responses, states, blocks, zero phase", (k) => {
    const file = new h5wasm.File(`${shared}/fixtures/butterworth.h5`, "r");
    const numbers = (name: string): Float64Array => {
      const found = file.get(`${k}/${name}`);
      if (!(found instanceof h5wasm.Dataset)) throw new Error(`no dataset ${name}`);
      return Float64Array.from(found.value as ArrayLike<number>);
    };
    const group = file.get(String(k));
    if (!(group instanceof h5wasm.Group)) throw new Error(`no group ${k}`);
    const attribute = (name: string): ArrayLike<number> =>
      [group.attrs[name]!.value]
        .flat()
        .flatMap((v) => (ArrayBuffer.isView(v) ? [...(v as Float64Array)] : [Number(v)]));
    const sampleRate = Number(attribute("sample_rate_hz")[0]);
    const corners = attribute("corner_hz");
    const filter = butterworth({
      sampleRate,
      order: Number(attribute("order")[0]),
      corner:
        group.attrs.kind!.value === "highpass"
          ? { highpass: corners[0]! }
          : { bandpass: [corners[0]!, corners[1]!] },
    });
    const close = (ours: Float64Array, theirs: Float64Array): void => {
      expect(ours.length).toBe(theirs.length);
      ours.forEach((value, n) => {
        expect(Math.abs(value - theirs[n]!), `element ${n}`).toBeLessThan(1e-10);
      });
    };
    close(
      Float64Array.from(filter.flatMap(({ b0, b1, b2, a1, a2 }) => [b0, b1, b2, 1, a1, a2])),
      numbers("sos"),
    );
    close(steadyState(filter, 1), numbers("sosfilt_zi"));

    const { length } = numbers("noise");
    const impulse = new Float64Array(length);
    impulse[0] = 1;
    sosFilter(filter, restState(filter), impulse, impulse);
    close(impulse, numbers("impulse_response"));
    const step = new Float64Array(length).fill(1);
    const steady = step.slice();
    sosFilter(filter, restState(filter), step, step);
    close(step, numbers("step_response"));
    sosFilter(filter, steadyState(filter, 1), steady, steady);
    close(steady, numbers("step_response_zi"));

    const x = numbers("noise");
    const filtered = new Float64Array(length);
    const state = restState(filter);
    for (let at = 0; at < length; at += 100) {
      const end = Math.min(length, at + 100);
      sosFilter(filter, state, x.subarray(at, end), filtered.subarray(at, end));
    }
    close(filtered, numbers("noise_filtered"));
    close(state, numbers("final_state"));
    close(sosFilterZeroPhase(filter, x), numbers("noise_zero_phase"));
    file.close();
  });
});
