import type { Html } from "@strainflow/page";
import type { LevelResult } from "../level-result.ts";
import { askedRate, loadText } from "../load.ts";
import type { LoadTestResult } from "../load-test-result.ts";
import { figure, timeText } from "./figures-text.ts";
import { type ChartLine, lineChart } from "./line-chart.ts";
import { COLOURS } from "./report-style.ts";
import { linearScale, type Scale, scaleFor } from "./scale.ts";
import { stackChart } from "./stack-chart.ts";

/** All curves of one or several tests. */
export function charts(results: readonly LoadTestResult[], names: readonly string[]): Html[] {
  const measured = results.filter(({ levels }) => levels.length > 0);
  if (measured.length === 0) return [];
  const several = results.some(({ levels }) => levels.length > 1);
  return [
    ...(several ? [throughputChart(results, names), latencyChart(results, names)] : []),
    percentileChart(results, names),
    ...breakdownChart(results, names),
  ];
}

/** The place of a load on the horizontal axis. */
function sizeOf({ load }: LevelResult): number {
  return load.kind === "concurrency" ? load.concurrency : (askedRate(load) ?? 0);
}

function sorted({ levels }: LoadTestResult): readonly LevelResult[] {
  return [...levels].sort((a, b) => sizeOf(a) - sizeOf(b));
}

function loadScale(results: readonly LoadTestResult[]): { readonly x: Scale; readonly xLabel: string } {
  const levels = results.flatMap((result) => result.levels);
  const paced = levels.some(({ load }) => load.kind !== "concurrency");
  return {
    x: linearScale(levels.map(sizeOf)),
    xLabel: paced ? "requests/s asked for" : "requests under way",
  };
}

function throughputChart(results: readonly LoadTestResult[], names: readonly string[]): Html {
  const values = results.flatMap(({ levels }) => levels.map((level) => level.inferencesPerSecond));
  return lineChart({
    title: "Throughput",
    ...loadScale(results),
    yLabel: "inferences/s",
    y: linearScale(values),
    lines: results.map((result, r) => ({
      name: names[r] ?? "",
      colour: r % COLOURS,
      dash: r === 0 ? "solid" : "dashed",
      points: sorted(result).map((level) => ({
        x: sizeOf(level),
        y: level.inferencesPerSecond,
        title: `${names[r]}\n${loadText(level.load)}: ${figure(level.inferencesPerSecond)} inferences/s`,
      })),
    })),
  });
}

const SHOWN = [
  ["p50", "p50Ms", "dotted"],
  ["p90", "p90Ms", "dashed"],
  ["p99", "p99Ms", "solid"],
] as const;

function latencyChart(results: readonly LoadTestResult[], names: readonly string[]): Html {
  // Of several subjects two percentiles each are all that can be told apart.
  const shown = results.length > 1 ? SHOWN.filter(([name]) => name !== "p90") : SHOWN;
  const lines = results.flatMap((result, r): ChartLine[] =>
    shown.map(([name, key, dash]) => ({
      name: results.length > 1 ? `${names[r]} ${name}` : name,
      colour: r % COLOURS,
      dash,
      points: sorted(result).map((level) => ({
        x: sizeOf(level),
        y: level.latency?.[key] ?? Number.NaN,
        title: `${names[r]}\n${loadText(level.load)}: ${name} ${timeText(level.latency?.[key])}`,
      })),
    })),
  );
  const goal = results.find((result) => result.goal !== undefined)?.goal;
  return lineChart({
    title: "Latency",
    ...loadScale(results),
    yLabel: "ms",
    y: scaleFor(lines.flatMap(({ points }) => points.map(({ y }) => y))),
    lines,
    ...(goal === undefined
      ? {}
      : { goal: { value: goal.latencyMs, text: `goal: p${goal.percentile} ≤ ${timeText(goal.latencyMs)}` } }),
  });
}

const PERCENTILES = [
  ["50", "p50Ms"],
  ["90", "p90Ms"],
  ["95", "p95Ms"],
  ["99", "p99Ms"],
  ["99.9", "p999Ms"],
  ["max", "maxMs"],
] as const;

/** Of the load that met the goal, or else of the one with the highest throughput. */
export function keyLevel({ levels, best }: LoadTestResult): LevelResult | undefined {
  if (best !== undefined) return levels[best];
  return levels.reduce<LevelResult | undefined>(
    (top, level) => (top === undefined || level.inferencesPerSecond > top.inferencesPerSecond ? level : top),
    undefined,
  );
}

function percentileChart(results: readonly LoadTestResult[], names: readonly string[]): Html {
  const lines = results.flatMap((result, r): ChartLine[] => {
    const level = keyLevel(result);
    if (level === undefined) return [];
    const line = (kind: "latency" | "afterSending", what: string, dash: ChartLine["dash"]): ChartLine => ({
      name: `${results.length > 1 ? `${names[r]}, ` : ""}${loadText(level.load)}${what}`,
      colour: r % COLOURS,
      dash,
      points: PERCENTILES.map(([name, key], x) => ({
        x,
        y: level[kind]?.[key] ?? Number.NaN,
        title: `${names[r]}\n${loadText(level.load)}${what}: ${name === "max" ? name : `p${name}`} ${timeText(level[kind]?.[key])}`,
      })),
    });
    if (level.load.kind === "concurrency") return [line("latency", "", "solid")];
    return [
      line("latency", ", from when it was due", "solid"),
      line("afterSending", ", from when it was sent", "dotted"),
    ];
  });
  const last = PERCENTILES.length - 1;
  return lineChart({
    title: lines.length === 1 ? `Latency by percentile, ${lines[0]?.name}` : "Latency by percentile",
    xLabel: "% of requests within",
    yLabel: "ms",
    x: { place: (value) => value / last, ticks: PERCENTILES.map(([text], value) => ({ value, text })) },
    y: scaleFor(lines.flatMap(({ points }) => points.map(({ y }) => y))),
    lines,
  });
}

const PARTS = ["queue", "compute input", "compute infer", "compute output", "network and the rest"];
/** More bars than these are no longer read. */
const MOST_BARS = 16;

function breakdownChart(results: readonly LoadTestResult[], names: readonly string[]): Html[] {
  const rows = results.flatMap((result, r) =>
    sorted(result).flatMap(({ load, server, latency }) => {
      if (server === undefined || latency === undefined) return [];
      const own = [server.queueUs, server.computeInputUs, server.computeInferUs, server.computeOutputUs];
      const rest = Math.max(0, 1000 * latency.meanMs - own.reduce((sum, each) => sum + each, 0));
      const name =
        load.kind === "concurrency" ? `${load.concurrency} under way` : `${figure(askedRate(load))}/s`;
      return [{ name: results.length > 1 ? `${letter(r)}: ${name}` : name, values: [...own, rest] }];
    }),
  );
  if (rows.length === 0) return [];
  const shown =
    rows.length <= MOST_BARS ? rows : rows.filter((_, i) => i % Math.ceil(rows.length / MOST_BARS) === 0);
  const key = results.length > 1 ? ` (${names.map((name, i) => `${letter(i)} ${name}`).join(", ")})` : "";
  return [stackChart(`Mean latency, by the server's own account${key}`, "µs", PARTS, shown)];
}

function letter(place: number): string {
  return String.fromCharCode(65 + (place % 26));
}
