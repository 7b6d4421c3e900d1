import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Block, indexToSeconds, type SampleArray } from "@strainflow/series";
import h5wasm, { Dataset, File, Group } from "h5wasm/node";
import { describe, expect, it } from "vitest";
import { type ClusterOptions, createCluster, createIntegrate, type ScoreEvent } from "./index.ts";

const SHARED = process.env.STRAINFLOW_SHARED ?? fileURLToPath(new URL("../../../../shared", import.meta.url));
const PATH = `${SHARED}/fixtures/postprocess.h5`;
const present = existsSync(PATH) || process.env.STRAINFLOW_REQUIRE === "all";

const scores = (start: number, sampleRate: number, ...data: SampleArray[]): Block => ({
  kind: "series",
  quantity: "score",
  start,
  size: data[0]!.length,
  sampleRate,
  channels: data.map((_, c) => (data.length === 1 ? "score" : `C${c}`)),
  data,
});

const gap = (start: number, size: number): Block => ({
  kind: "gap",
  quantity: "score",
  start,
  size,
  sampleRate: 4,
  channels: ["score"],
  reason: "not-ready",
});

/** Half a window is 3 outputs. */
const options: ClusterOptions = { sampleRate: 4, clusterLength: 1.5 };
const say = (events: readonly ScoreEvent[]): string[] =>
  events.map(({ channel, index, statistic }) => `${channel} ${index}: ${statistic}`);

describe("createCluster", () => {
  it("emits a peak as soon as nothing in half a window after it was larger", () => {
    const step = createCluster(options);
    expect(say(step.push(scores(10, 4, Float64Array.of(0, 2, 1, 5))))).toEqual([]);
    expect(say(step.push(scores(14, 4, Float64Array.of(1, 1))))).toEqual([]);
    expect(say(step.push(scores(16, 4, Float64Array.of(1))))).toEqual(["score 13: 5"]);
    expect(step.latency).toBe(3);
  });

  it("lets a peak on a block's last sample wait for the next block", () => {
    const step = createCluster({ ...options, threshold: 3 });
    expect(say(step.push(scores(0, 4, Float64Array.of(0, 0, 0, 0, 4))))).toEqual([]);
    expect(say(step.push(scores(5, 4, Float64Array.of(6, 1, 1, 1))))).toEqual(["score 5: 6"]);
  });

  it("closes at a gap what there is, and begins anew after it", () => {
    const step = createCluster(options);
    expect(say(step.push(scores(0, 4, Float64Array.of(0, 0, 7))))).toEqual([]);
    expect(say(step.push(gap(3, 1)))).toEqual(["score 2: 7"]);
    expect(say(step.push(gap(4, 1)))).toEqual([]);
    // The largest of the first half window is where it starts: 6 is passed over, as at the start of any series.
    expect(say(step.push(scores(5, 4, Float64Array.of(1, 2, 8, 6, 1, 1, 9))))).toEqual(["score 7: 8"]);
    expect(say(step.flush())).toEqual(["score 11: 9"]);
  });

  it("leaves out what is below the threshold or in the refractory period, without moving the rest", () => {
    const data = Float64Array.of(9, 0, 0, 0, 8, 0, 0, 0, 7, 0, 0, 0);
    const all = (extra: Partial<ClusterOptions>): string[] => {
      const step = createCluster({ ...options, ...extra });
      return say([...step.push(scores(0, 4, data)), ...step.flush()]);
    };
    expect(all({})).toEqual(["score 0: 9", "score 4: 8", "score 8: 7"]);
    expect(all({ threshold: 8 })).toEqual(["score 0: 9", "score 4: 8"]);
    expect(all({ refractoryLength: 1 })).toEqual(["score 0: 9", "score 4: 8", "score 8: 7"]);
    expect(all({ refractoryLength: 1.1 })).toEqual(["score 0: 9", "score 8: 7"]);
  });

  it("clusters each channel by itself, and gives the events in order of time", () => {
    const step = createCluster({ ...options, channels: ["C0", "C1"], threshold: 1 });
    const events = step.push(
      scores(0, 4, Float64Array.of(0, 0, 0, 0, 5, 0, 0, 0), Float64Array.of(0, 3, 0, 0, 0, 0, 0, 0)),
    );
    expect(say(events)).toEqual(["C1 1: 3", "C0 4: 5"]);
  });

  it("never takes a score that is not a number for the loudest", () => {
    const step = createCluster(options);
    const events = step.push(scores(0, 4, Float64Array.of(Number.NaN, 1, Number.NaN, 2, Number.NaN, 0, 0)));
    expect(say(events)).toEqual(["score 3: 2"]);
  });

  it("names the option that cannot be used", () => {
    expect(() => createCluster({ ...options, clusterLength: 0.25 })).toThrow(/clusterLength is 0.25/);
    expect(() => createCluster({ ...options, threshold: Number.NaN })).toThrow(/threshold is NaN/);
    expect(() => createCluster({ ...options, refractoryLength: -1 })).toThrow(/refractoryLength is -1/);
  });
});

describe.skipIf(!present)(
  "createCluster against aframe (needs ../shared/fixtures/postprocess.h5)",
  async () => {
    await h5wasm.ready;
    const file = present ? new File(PATH, "r") : undefined;
    const group = (path: string): Group => {
      const found = file?.get(path);
      if (!(found instanceof Group)) throw new Error(`no group ${path}`);
      return found;
    };
    const numbers = (of: Group, name: string): number[] => {
      const dataset = of.get(name);
      const value = dataset instanceof Dataset ? dataset.value : undefined;
      if (!(value instanceof Float64Array || value instanceof Int32Array))
        throw new Error(`no numbers in ${name}`);
      return [...value];
    };
    const attribute = (of: Group, name: string): number => Number(of.attrs[name]?.value);

    /** The same events from one push, and from pushes of seven. */
    function clustered(options: ClusterOptions, start: number, y: Float64Array): ScoreEvent[] {
      const whole = createCluster(options);
      const events = [...whole.push(scores(start, options.sampleRate, y)), ...whole.flush()];
      const step = createCluster(options);
      const pieces: ScoreEvent[] = [];
      for (let at = 0; at < y.length; at += 7)
        pieces.push(...step.push(scores(start + at, options.sampleRate, y.subarray(at, at + 7))));
      expect([...pieces, ...step.flush()]).toEqual(events);
      return events;
    }

    it("finds the events of every hand-made series", () => {
      const names = group("edge").keys();
      expect(names.length).toBe(21);
      for (const name of names) {
        const of = group(`edge/${name}`);
        const clusterLength = attribute(of, "cluster_window_size");
        const events = clustered({ sampleRate: 1, clusterLength }, 0, Float64Array.from(numbers(of, "y")));
        expect(
          events.map((event) => event.index),
          name,
        ).toEqual(numbers(of, "event_index"));
        expect(
          events.map((event) => event.statistic),
          name,
        ).toEqual(numbers(of, "event_statistic"));
      }
    });

    for (let k = 0; k < 4; k++)
      it(`finds the events of chain ${k}, raw outputs to times`, () => {
        const of = group(`chain/${k}`);
        const sampleRate = attribute(of, "inference_sampling_rate_hz");
        const integrationLength = attribute(of, "integration_window_length_s");
        const offset = attribute(of, "offset_samples");
        const start = attribute(of, "t0") * sampleRate + offset;
        const integrate = createIntegrate({ sampleRate, integrationLength, compatibility: "aframe" });
        const [integrated] = integrate.push(
          scores(start, sampleRate, Float64Array.from(numbers(of, "y").slice(offset))),
        );
        if (integrated?.kind !== "series") throw new Error("aframe's form has no gaps");
        const clusterLength = attribute(of, "cluster_window_length_s");
        const [given] = integrated.data;
        const events = clustered({ sampleRate, clusterLength }, start, Float64Array.from(given!));
        // aframe's stamp: half the whitening filter and the integration come off the index's own time.
        const shift = attribute(of, "fduration_s") / 2 + integrationLength;
        const times = events.map((event) => indexToSeconds(event.index, sampleRate) - shift);
        const expected = numbers(of, "event_time");
        expect(times.length).toBe(expected.length);
        expect(Math.max(...times.map((t, i) => Math.abs(t - expected[i]!)))).toBeLessThan(5e-7);
        const statistics = numbers(of, "event_statistic");
        expect(Math.max(...events.map((e, i) => Math.abs(e.statistic - statistics[i]!)))).toBeLessThan(1e-12);
      });

    it("integrates and clusters where aframe fails: a window of one output", () => {
      const of = group("chain/4");
      expect(of.attrs.cluster_error).toBeDefined();
      const y = Float64Array.from(numbers(of, "y").slice(32));
      const integrate = createIntegrate({ sampleRate: 4, integrationLength: 0.2, compatibility: "aframe" });
      const [integrated] = integrate.push(scores(0, 4, y));
      expect(integrated?.kind === "series" && [...integrated.data[0]!]).toEqual([...y]);
      expect(clustered({ sampleRate: 4, clusterLength: 8 }, 0, y).length).toBeGreaterThan(5);
    });
  },
);
