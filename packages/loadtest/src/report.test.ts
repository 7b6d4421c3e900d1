import { describe, expect, it } from "vitest";
import {
  formatResults,
  type LevelResult,
  type LoadTestResult,
  parseResults,
  perfAnalyzerCsv,
  renderLoadReport,
} from "./index.ts";
import { linearScale, logScale } from "./report/scale.ts";

function level(concurrency: number, perSecond: number): LevelResult {
  const ms = concurrency * 1.5;
  const latency = {
    count: 100,
    meanMs: ms,
    deviationMs: 1,
    minMs: ms / 2,
    p50Ms: ms,
    p90Ms: 2 * ms,
    p95Ms: 3 * ms,
    p99Ms: 4 * ms,
    p999Ms: 5 * ms,
    maxMs: 6 * ms,
  };
  return {
    load: { kind: "concurrency", concurrency },
    steady: true,
    windows: [],
    seconds: 6,
    requests: 100,
    failed: 0,
    wrong: 0,
    unanswered: 0,
    responses: 100,
    requestsPerSecond: perSecond,
    inferencesPerSecond: perSecond,
    latency,
    afterSending: latency,
    generator: { processes: 1, utilization: 0.4, held: 0, sendUs: 40 },
    server: {
      model: "net",
      version: "1",
      requests: 100,
      failures: 0,
      inferences: 100,
      executions: 50,
      batchSize: 2,
      requestUs: 1000,
      queueUs: 200,
      computeInputUs: 10,
      computeInferUs: 500,
      computeOutputUs: 20,
      cacheHits: 0,
      cacheMisses: 0,
      steps: [],
    },
    errors: [],
    wrongs: [],
  };
}

const result: LoadTestResult = {
  subject: {
    kind: "model",
    name: "net on grpc://127.0.0.1:1",
    address: "grpc://127.0.0.1:1",
    model: "net",
    version: "1",
    server: "triton 2.51.0",
    protocol: "grpc",
    batchSize: 1,
    sequences: false,
  },
  startedUtc: "2026-02-03T14:05:09.123Z",
  levels: [level(1, 600), level(2, 900), level(4, 850)],
  stopped: false,
};

describe("the results of a load test", () => {
  it("are a CSV in perf_analyzer's columns, in microseconds, by rising throughput", () => {
    expect(perfAnalyzerCsv(result).split("\n")).toEqual([
      "Concurrency,Inferences/Second,Client Send,Network+Server Send/Recv,Server Queue,Server Compute Input,Server Compute Infer,Server Compute Output,Client Recv,p50 latency,p90 latency,p95 latency,p99 latency",
      "1,600,40,730,200,10,500,20,0,1500,3000,4500,6000",
      "4,850,40,5230,200,10,500,20,0,6000,12000,18000,24000",
      "2,900,40,2230,200,10,500,20,0,3000,6000,9000,12000",
      "",
    ]);
    const { server: _, ...plain } = level(1, 10);
    const paced = { ...result, levels: [{ ...plain, load: { kind: "rate", rate: 12.5 } as const }] };
    expect(perfAnalyzerCsv(paced).split("\n")[0]).toMatch(/^Request Rate,Inferences/);
    expect(perfAnalyzerCsv(paced).split("\n")[1]).toBe("12.5,10,40,1460,0,0,0,0,0,1500,3000,4500,6000");
  });

  it("come back from JSON, and nothing else is taken for them", () => {
    expect(parseResults(formatResults([result]), "a.json")).toEqual([result]);
    for (const text of ["{}", "", "[]", '{"format":"strainflow-loadtest-1","results":[{}]}', "null"])
      expect(() => parseResults(text, "a.json")).toThrow(/a.json holds no results/);
  });

  it("are a page by itself: no script, nothing loaded, nothing that stands in a name", () => {
    const evil = '"><script>alert(1)</script>';
    const page = renderLoadReport([
      { ...result, subject: { ...result.subject, name: evil, server: evil } },
      result,
    ]);
    expect(page).not.toContain("<script");
    expect(page).not.toMatch(/(?:src|href)="(?!data:)/);
    expect(page).toContain("default-src &#39;none&#39;");
    expect(page).toContain("prefers-color-scheme:dark");
    expect(page.match(/<svg viewBox="0 0 520/g)).toHaveLength(4);
    expect(page.match(/<polyline/g)).toHaveLength(2 + 4 + 2);
    // Throughput and two percentiles of three levels of two subjects, and six percentiles of each.
    expect(page.match(/class="point"/g)).toHaveLength(6 + 12 + 12);
    expect(page).toContain("concurrency 2: 900 inferences/s");
  });

  it("tell first what spoils them", () => {
    const bad = {
      ...level(1, 5),
      steady: false,
      wrong: 3,
      wrongs: ["output y[0] is 1, expected 2"],
      failed: 2,
      errors: [{ message: "it is <full>", count: 2 }],
      generator: { ...level(1, 5).generator, bottleneck: "it was busy" },
    };
    const page = renderLoadReport([{ ...result, levels: [bad], stopped: true }]);
    for (const note of [
      "it was busy",
      "not steady",
      "3 answers are wrong: output y[0] is 1, expected 2",
      "2 × it is &lt;full&gt;",
      "stopped before it was done",
    ])
      expect(page).toContain(note);
    expect(renderLoadReport([{ ...result, levels: [] }])).toContain("nothing was measured");
  });
});

describe("an axis", () => {
  it("goes from zero to a round number", () => {
    expect(linearScale([930]).ticks.map(({ text }) => text)).toEqual([
      "0",
      "200",
      "400",
      "600",
      "800",
      "1,000",
    ]);
    expect(linearScale([930]).place(500)).toBe(0.5);
    expect(linearScale([0]).ticks.length).toBeGreaterThan(1);
    expect(linearScale([25_000]).ticks.at(-1)?.text).toBe("25 k");
  });

  it("or by tens, where values lie far apart", () => {
    const { ticks, place } = logScale([0.3, 90]);
    expect(ticks.map(({ value }) => Number(value.toPrecision(3)))).toEqual([
      0.2, 0.5, 1, 2, 5, 10, 20, 50, 100,
    ]);
    expect([place(0.2), place(100)]).toEqual([0, 1]);
  });
});
