import { type Block, indexToNs, nsToIndex, type TimeSeries } from "@strainflow/series";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lightTravelTime } from "./detectors.ts";
import { drawInjections } from "./draw-injections.ts";
import {
  addInjections,
  type Injection,
  networkSnr,
  optimalSnr,
  projectInjection,
  scaleToSnr,
} from "./injection.ts";
import { match, sigma } from "./match.ts";
import { advancedLigoDesign, samplePsd } from "./psd-models.ts";
import { simulateStrain } from "./simulate.ts";
import { createWaveform, toFrequency } from "./waveform.ts";

const source: Injection = {
  gpsNs: 1_126_259_462_400_123_456n,
  mass1: 39,
  mass2: 33,
  distance: 400,
  rightAscension: 1.95,
  declination: -1.27,
  polarization: 0.82,
  inclination: 2.5,
  phase: 0.7,
};
const sampleRate = 2048;
const network = { ifos: ["H1", "L1"], psd: advancedLigoDesign, sampleRate };

describe("injections", () => {
  it.each(["H1", "L1", "V1"])(
    "carry their optimal SNR into %s, and peak when and as loud as they should",
    (ifo) => {
      const signal = projectInjection(source, { ifo, sampleRate });
      const { data } = signal;
      const spectrum = toFrequency(data, sampleRate);
      const psd = samplePsd(advancedLigoDesign, {
        bins: data.length / 2 + 1,
        frequencyStep: spectrum.frequencyStep,
      });
      const weighting = { psd, lowFrequency: 20 };
      const expected = optimalSnr(source, { ifo, psd: advancedLigoDesign, sampleRate });
      // The matched filter's own answer, on data without noise: its peak SNR is match × loudness.
      const template = createWaveform({ mass1: 39, mass2: 33, sampleRate, size: data.length });
      const found = match(spectrum, template, weighting);
      expect((found.match * sigma(spectrum, weighting)) / expected).toBeCloseTo(1, 3);
      const start = indexToNs(signal.start, sampleRate);
      const arrival = Number(signal.arrivalNs - start) / 1e9;
      expect(found.time < 0 ? found.time + data.length / sampleRate : found.time).toBeCloseTo(arrival, 5);
    },
  );

  it("reach L1 before H1 by 7 ms, as GW150914 did, and never by more than light takes", () => {
    const [h1, l1] = ["H1", "L1"].map((ifo) => projectInjection(source, { ifo, sampleRate }).arrivalNs);
    const delay = Number(h1! - l1!) / 1e9;
    expect(delay).toBeCloseTo(0.007, 3);
    expect(delay).toBeLessThan(lightTravelTime("H1", "L1"));
  });

  it("move with the clock by less than a sample: half a sample later is the same signal half a sample later", () => {
    const later = { ...source, gpsNs: source.gpsNs + 244_141n };
    const [a, b] = [source, later].map((one) => projectInjection(one, { ifo: "H1", sampleRate }));
    const offset = (b!.start - a!.start) / sampleRate;
    const spectra = [a!, b!].map(({ data }) => toFrequency(data, sampleRate));
    const psd = samplePsd(advancedLigoDesign, {
      bins: a!.data.length / 2 + 1,
      frequencyStep: spectra[0]!.frequencyStep,
    });
    const found = match(spectra[1]!, spectra[0]!, { psd, lowFrequency: 20 });
    expect(found.time + offset).toBeCloseTo(244_141e-9, 7);
  });

  it("begin and end at zero", () => {
    const { data } = projectInjection(source, { ifo: "L1", sampleRate });
    const peak = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    for (const edge of [data.subarray(0, 64), data.subarray(-64)])
      for (const value of edge) expect(Math.abs(value)).toBeLessThan(1e-3 * peak);
  });

  it("scale to a stated network SNR", () => {
    const scaled = scaleToSnr(source, 17, network);
    const { network: total, byIfo } = networkSnr(scaled, network);
    expect(total).toBeCloseTo(17, 9);
    expect(Math.hypot(byIfo.H1!, byIfo.L1!)).toBeCloseTo(17, 9);
  });

  it("add to a stream the same bytes however it is cut; gaps and other channels pass", () => {
    const signals = ["H1", "L1"].map((ifo) => projectInjection(source, { ifo, sampleRate }));
    const start = signals[0]!.start - 1000;
    const size = signals[0]!.data.length + 2000;
    const stream: TimeSeries<"strain"> = {
      kind: "series",
      quantity: "strain",
      start,
      size,
      sampleRate,
      channels: ["H1", "L1:STRAIN", "V1"],
      data: [1, 2, 3].map((seed) =>
        Float64Array.from({ length: size }, (_, n) => 1e-21 * Math.sin(n * seed)),
      ),
    };
    const whole = addInjections(stream, signals);
    expect(whole.data[0]).not.toEqual(stream.data[0]);
    expect(whole.data[1]).not.toEqual(stream.data[1]);
    expect(whole.data[2]).toBe(stream.data[2]);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9000 }), (chunk) => {
        for (let at = 0; at < size; at += chunk) {
          const end = Math.min(size, at + chunk);
          const data = stream.data.map((channel) => channel.subarray(at, end));
          const part = addInjections({ ...stream, start: start + at, size: end - at, data }, signals);
          for (const [c, channel] of part.data.entries())
            if (!channel.every((value, n) => value === whole.data[c]![at + n])) return false;
        }
        return true;
      }),
      { numRuns: 15 },
    );
    const gap: Block<"strain"> = { ...stream, kind: "gap", reason: "missing" };
    expect(addInjections(gap, signals)).toBe(gap);
    expect(() => addInjections({ ...stream, sampleRate: 4096 }, signals)).toThrow("sampleRate");
  });
});

describe("drawn injections", () => {
  const options = { ...network, seed: 1, count: 6, start: 1_000_000_000, end: 1_000_000_256 };

  it("have the SNR, spacing and ranges that were asked for", () => {
    const drawn = drawInjections({ ...options, snr: [12, 20], leastSnr: 5, mass: [25, 45] });
    expect(drawn).toHaveLength(6);
    drawn.forEach((one, index) => {
      expect(networkSnr(one, network).network).toBeCloseTo(one.networkSnr, 8);
      expect(one.networkSnr).toBeGreaterThanOrEqual(12);
      expect(one.networkSnr).toBeLessThanOrEqual(20);
      expect(Math.min(...Object.values(one.snr))).toBeGreaterThanOrEqual(5);
      expect(one.mass2).toBeGreaterThanOrEqual(25);
      expect(one.mass1).toBeLessThanOrEqual(45);
      const place = (Number(one.gpsNs) / 1e9 - options.start) / (256 / 6);
      expect(Math.floor(place)).toBe(index);
    });
  });

  it("depend on the seed alone", () => {
    expect(drawInjections(options)).toEqual(drawInjections(options));
    expect(drawInjections({ ...options, seed: 2 })).not.toEqual(drawInjections(options));
  });

  it("say when an SNR cannot be reached", () => {
    expect(() => drawInjections({ ...options, count: 1, snr: [5, 6], leastSnr: 5 })).toThrow("leastSnr");
  });
});

describe("simulated strain", () => {
  it("is the same data in any blocks and from any start, signals and all", async () => {
    const injections = [scaleToSnr({ ...source, gpsNs: 1_126_259_462_000_000_000n }, 20, network)];
    const read = async (start: number, end: number, blockSize: number): Promise<Float64Array[]> => {
      const reader = simulateStrain({ ...network, start, end, seed: 3, injections, blockSize });
      expect(reader.start).toBe(nsToIndex(BigInt(start) * 1_000_000_000n, sampleRate));
      const data = network.ifos.map(() => new Float64Array((end - start) * sampleRate));
      let next = reader.start;
      for await (const block of reader.blocks({ signal: new AbortController().signal })) {
        if (block.kind === "gap") throw new Error("no gap was asked for");
        expect(block.start).toBe(next);
        next += block.size;
        for (const [c, channel] of block.data.entries()) data[c]!.set(channel, block.start - reader.start);
      }
      expect(next).toBe(reader.end);
      return data;
    };
    const whole = await read(1_126_259_458, 1_126_259_466, 2048);
    expect(await read(1_126_259_458, 1_126_259_466, 777)).toEqual(whole);
    const part = await read(1_126_259_461, 1_126_259_464, 5000);
    expect(part[0]).toEqual(whole[0]!.subarray(3 * sampleRate, 6 * sampleRate));
  });

  it("ends when it is told to", async () => {
    const controller = new AbortController();
    const reader = simulateStrain({ ...network, start: 1e9, end: 1e9 + 100, seed: 1 });
    let blocks = 0;
    for await (const block of reader.blocks({ signal: controller.signal })) {
      expect(block.size).toBe(sampleRate);
      if (++blocks === 3) controller.abort();
    }
    expect(blocks).toBe(3);
  });
});
