import { type LevelProgress, type LevelResult, loadText } from "@strainflow/loadtest";
import { type Column, tableLines } from "./table.ts";
import { formatSeconds } from "./units.ts";

const COLUMNS: readonly (Column & { readonly width: number })[] = [
  { head: "load", width: 16 },
  { head: "inf/s", numeric: true, width: 7 },
  { head: "p50", numeric: true, width: 7 },
  { head: "p90", numeric: true, width: 7 },
  { head: "p99", numeric: true, width: 7 },
  { head: "max", numeric: true, width: 7 },
  { head: "queue", numeric: true, width: 7 },
  { head: "infer", numeric: true, width: 7 },
  { head: "batch", numeric: true, width: 5 },
  { head: "", width: 0 },
];

/** The head, to be told once, and the line of a level; of a narrow terminal a list. */
export function levelLines(level: LevelResult, width: number, withHead: boolean): string[] {
  const { load, inferencesPerSecond, latency, server, steady } = level;
  const cells = [
    loadText(load),
    figure(inferencesPerSecond),
    time(latency?.p50Ms),
    time(latency?.p90Ms),
    time(latency?.p99Ms),
    time(latency?.maxMs),
    time(server === undefined ? undefined : server.queueUs / 1000),
    time(server === undefined ? undefined : server.computeInferUs / 1000),
    server === undefined ? "–" : String(Number(server.batchSize.toPrecision(3))),
    steady ? "" : "not steady",
  ];
  const padded = cells.map((cell, c) => {
    const { width: least = 0, numeric = false } = COLUMNS[c] ?? {};
    return numeric ? cell.padStart(least) : cell.padEnd(least);
  });
  const [head = "", ...lines] = tableLines(COLUMNS, [padded], width);
  // In a list there is no head: its first line is the load.
  if (!head.trimStart().startsWith("load ")) return tableLines(COLUMNS, [cells], width);
  return withHead ? [head, ...lines] : lines;
}

/** `concurrency 4   window 2 of 3 to 10   1204 /s   1.2 ms`, as much of it as there is room for. */
export function progressText({ load, window, maxWindows, last }: LevelProgress, columns: number): string {
  const name = loadText(load);
  const state = window === 0 ? "warming up" : `window ${window} (at most ${maxWindows})`;
  const figures =
    last === undefined ? "" : `${figure(last.requestsPerSecond)} requests/s   ${time(last.latencyMs)}`;
  const whole = `  loadtest    ${name}   ${state}   ${figures}`.trimEnd();
  if (whole.length < columns) return whole;
  const short = `  ${name}   ${figures}`.trimEnd();
  return short.length < columns ? short : `  ${name}`;
}

export function time(ms: number | undefined): string {
  return ms === undefined || !Number.isFinite(ms) ? "–" : formatSeconds(Number((ms / 1000).toPrecision(3)));
}

function figure(value: number): string {
  return String(value < 100 ? Number(value.toPrecision(3)) : Math.round(value));
}
