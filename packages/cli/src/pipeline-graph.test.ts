import { planSearch } from "@strainflow/search";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { graphSvg } from "./graph-svg.ts";
import { graphLines } from "./graph-text.ts";
import { graphOf } from "./pipeline-graph.ts";
import { planFacts, planRecord } from "./plan-text.ts";
import type { RunPlan } from "./run-plan.ts";
import { searchSettings } from "./run-search.ts";

function plannedRun(over: Partial<RunPlan> = {}): RunPlan {
  const input = { name: "stream", datatype: "FP32" as const, shape: [1, 2, 2048] };
  const model = {
    name: "matched-filter-stream",
    inputs: [input, { name: "inverse_psd", datatype: "FP32" as const, shape: [2, 1025] }],
    outputs: [{ name: "triggers", datatype: "FP32" as const, shape: [16, 2, 32, 3] }],
    streaming: {
      input,
      sampleRate: 2048,
      channels: ["H1", "L1"],
      strideSize: 128,
      batchSize: 16,
      updateSize: 1,
      memory: 2047,
      latency: 128,
    },
  };
  const span = { startNs: 1_000_000_000_000_000_000n, endNs: 1_000_000_064_000_000_000n };
  return {
    plan: planSearch(searchSettings({}, { ifos: ["H1", "L1"], ...span }), model, {
      rates: { H1: 4096, L1: 4096 },
      templates: 32,
      ...span,
    }),
    input: "H1 L1 4096 Hz, GPS 1000000000 + 64 s",
    model: "matched-filter-stream",
    modelSteps: ["snapshotter", "matched-filter"],
    server: "embedded",
    writes: [{ path: "out/triggers.json" }, { path: "out/snr.hdf5", bytes: 12_288 }],
    ...over,
  };
}

/** Throws where tags do not nest, or a text holds a character that must be escaped. */
function checkXml(xml: string): string[] {
  const open: string[] = [];
  const seen: string[] = [];
  const token = /<(\/?)([A-Za-z]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>|([^<]+)/gy;
  for (let at = 0; at < xml.length; at = token.lastIndex) {
    const found = token.exec(xml);
    if (found === null) throw new Error(`no XML at ${at}: ${xml.slice(at, at + 40)}`);
    const [, closing, name, , selfClosing, text] = found;
    if (text !== undefined) {
      if (/&(?!amp;|lt;|gt;|quot;)/.test(text)) throw new Error(`a bare & in ${text}`);
    } else if (closing === "/") {
      if (open.pop() !== name) throw new Error(`</${name}> closes nothing`);
    } else {
      seen.push(name ?? "");
      if (selfClosing !== "/") open.push(name ?? "");
    }
  }
  if (open.length > 0) throw new Error(`<${open.join("> <")}> left open`);
  return seen;
}

describe("the drawing of a pipeline", () => {
  test("as text it has all stages in order, and never exceeds the terminal", () => {
    fc.assert(
      fc.property(fc.integer({ min: 30, max: 200 }), (columns) => {
        const lines = graphLines(graphOf(plannedRun()), columns);
        expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
        const stages = lines.flatMap((line) => /┌─ (\S+)/.exec(line)?.[1] ?? []);
        expect(stages).toEqual([
          "read",
          "resample",
          "align",
          "over-whiten",
          "infer",
          "rank",
          "cluster",
          "write",
        ]);
        expect(lines.join("\n")).toContain("triggers float32");
      }),
      { numRuns: 40 },
    );
  });

  test("as SVG it is well-formed, whatever the names", () => {
    const awkward = `a<b> & "c" ${"long-".repeat(40)}`;
    const svg = graphSvg(graphOf(plannedRun({ input: awkward, server: awkward, model: awkward })));
    const tags = checkXml(svg);
    expect(tags.filter((tag) => tag === "marker")).toHaveLength(1);
    expect(svg).toContain("prefers-color-scheme: dark");
    expect(() => checkXml(svg.replace("&lt;", "<"))).toThrow();
  });

  test("every box and label lies inside of the drawing", () => {
    const svg = graphSvg(graphOf(plannedRun()));
    const [, width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg)!.map(Number);
    for (const [, x, y, w, h] of svg.matchAll(
      /<rect class="\w+" x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)"/g,
    )) {
      expect(Number(x) + Number(w)).toBeLessThanOrEqual(width!);
      expect(Number(y) + Number(h)).toBeLessThanOrEqual(height!);
    }
    for (const [, y] of svg.matchAll(/<text[^>]* y="(\d+)"/g)) expect(Number(y)).toBeLessThan(height!);
  });
});

describe("a plan for people and for programs", () => {
  test("says what it costs and what it writes", () => {
    const facts = Object.fromEntries(planFacts(plannedRun()));
    expect(facts["requests"]).toMatch(/^1 \/s of data, 64 in all/);
    expect(facts["latency"]).toMatch(/over-whiten/);
    expect(facts["writes"]).toBe("out/triggers.json, out/snr.hdf5 (12 kB unpacked)");
    expect(facts["checks"]).toBe("6 of 6 pass");
  });

  test("a model too slow for a live stream is called so", () => {
    const speed = { requestMs: 2000, timesRealTime: 0.5, requests: 12 };
    expect(Object.fromEntries(planFacts(plannedRun({ speed })))["speed"]).toMatch(
      /0\.5 × real time, too slow/,
    );
  });

  test("as JSON it keeps GPS nanoseconds whole", () => {
    const record = JSON.parse(JSON.stringify(planRecord(plannedRun()))) as {
      readonly input: { readonly startNs: string };
      readonly stages: readonly { readonly name: string }[];
    };
    expect(record.input.startNs).toBe("1000000000000000000");
    expect(record.stages).toHaveLength(7);
  });
});
