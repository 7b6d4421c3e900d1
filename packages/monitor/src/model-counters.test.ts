import { parseMetrics } from "@strainflow/metrics";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { averages } from "./averages.ts";
import { counterMetrics, modelMetrics } from "./model-counters.ts";
import { tritonPage } from "./testing/triton-page.ts";

const read = (...lines: readonly string[]) => modelMetrics(parseMetrics(lines.join("\n")));

describe("models on a page of metrics", () => {
  test("of Triton: counters, failures over their reasons, what waits, quantiles", () => {
    const models = modelMetrics(parseMetrics(tritonPage));
    expect(models.map(({ model, version }) => [model, version])).toEqual([
      ["adder", "1"],
      ["net", "1"],
      ["pipe", "1"],
    ]);
    expect(models[2]).toEqual({
      model: "pipe",
      version: "1",
      counters: {
        requests: 20,
        failures: 0,
        inferences: 40,
        executions: 20,
        requestUs: 222110,
        queueUs: 47,
        computeInputUs: 1489,
        computeInferUs: 167580,
        computeOutputUs: 8489,
      },
      pending: 0,
      quantiles: {
        us: new Map([
          ["0.5", 7669],
          ["0.9", 7841],
          ["0.95", 8003],
          ["0.99", 8003],
          ["0.999", 8003],
        ]),
      },
    });
  });

  test("are added up over labels that are not theirs, and kept apart by version", () => {
    expect(
      read(
        'nv_inference_count{gpu_uuid="GPU-1",model="net",version="1"} 3',
        'nv_inference_count{version="1",site="LHO",gpu_uuid="GPU-2",model="net"} 4',
        'nv_inference_count{model="net",version="10"} 1',
        'nv_inference_count{model="net",version="9"} 1',
        'nv_gpu_utilization{gpu_uuid="GPU-1"} 0.5',
      ).map(({ version, counters }) => [version, counters]),
    ).toEqual([
      ["1", { inferences: 7 }],
      ["9", { inferences: 1 }],
      ["10", { inferences: 1 }],
    ]);
  });

  test("a value that is no count is as good as absent", () => {
    expect(
      read(
        'nv_inference_count{model="net",version="1"} NaN',
        'nv_inference_exec_count{model="net",version="1"} -1',
        'nv_inference_request_success{model="net",version="1"} 2',
        'nv_inference_queue_duration_us{version="1"} 5',
        'nv_inference_request_summary_us{model="other",version="1",quantile="0.5"} 2',
      ),
    ).toEqual([{ model: "net", version: "1", counters: { requests: 2 } }]);
  });

  test("do not depend on the order of lines or labels", () => {
    const lines = tritonPage.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    const whole = modelMetrics(parseMetrics(tritonPage));
    fc.assert(
      fc.property(fc.shuffledSubarray(lines, { minLength: lines.length }), (shuffled) => {
        const turned = shuffled.map((line) =>
          line.replace(/\{(.*)\}/, (_, labels: string) => `{${labels.split(",").reverse().join(", ")}}`),
        );
        expect(modelMetrics(parseMetrics(turned.join("\n")))).toEqual(whole);
      }),
      { numRuns: 30 },
    );
  });
});

describe("averages", () => {
  test("are durations over requests, and inferences over executions", () => {
    const counters = {
      requests: 10,
      failures: 1,
      inferences: 80,
      executions: 5,
      requestUs: 5000,
      queueUs: 0,
    };
    expect(averages(counters, 2)).toEqual({
      requestsPerSecond: 5,
      inferencesPerSecond: 40,
      requestUs: 500,
      queueUs: 0,
      batchSize: 16,
    });
  });

  test("of nothing are nothing, and never NaN", () => {
    expect(averages({}, 1)).toEqual({});
    const quiet = Object.fromEntries(Object.keys(counterMetrics).map((name) => [name, 0]));
    expect(averages(quiet, 1)).toEqual({ requestsPerSecond: 0, inferencesPerSecond: 0 });
    expect(averages({ requests: 4, requestUs: 8 }, 0)).toEqual({ requestUs: 2 });
  });
});

describe("a page of Triton itself", () => {
  test("is read without a problem", () => {
    const { samples, families, problemCount } = parseMetrics(tritonPage);
    expect(problemCount).toBe(0);
    expect(samples).toHaveLength(
      tritonPage.split("\n").filter((line) => line !== "" && !line.startsWith("#")).length,
    );
    expect(families.get("nv_inference_request_summary_us")?.type).toBe("summary");
  });
});
