import { type LevelProgress, type LevelResult, loadText } from "@strainflow/loadtest";
import { type Column, tableLines } from "./table.ts";

interface LevelColumn extends Column {
  readonly width: number;
  readonly cell: (level: LevelResult) => string;
  /** Narrow terminals do without those of the highest numbers first. */
  readonly rank: number;
}

const server =
  (pick: (figures: NonNullable<LevelResult["server"]>) => string) =>
  ({ server: figures }: LevelResult): string =>
    figures === undefined ? "–" : pick(figures);

const EVERY: readonly Omit<LevelColumn, "numeric">[] = [
  { head: "load", width: 16, rank: 0, cell: ({ load }) => loadText(load) },
  { head: "inf/s", width: 6, rank: 0, cell: ({ inferencesPerSecond }) => figure(inferencesPerSecond) },
  { head: "p50", width: 7, rank: 0, cell: ({ latency }) => time(latency?.p50Ms) },
  { head: "p90", width: 7, rank: 3, cell: ({ latency }) => time(latency?.p90Ms) },
  { head: "p99", width: 7, rank: 0, cell: ({ latency }) => time(latency?.p99Ms) },
  { head: "max", width: 7, rank: 2, cell: ({ latency }) => time(latency?.maxMs) },
  { head: "queue", width: 7, rank: 1, cell: server(({ queueUs }) => time(queueUs / 1000)) },
  { head: "infer", width: 7, rank: 1, cell: server(({ computeInferUs }) => time(computeInferUs / 1000)) },
  { head: "batch", width: 5, rank: 4, cell: server(({ batchSize }) => figure(batchSize)) },
];
const COLUMNS: readonly LevelColumn[] = EVERY.map((column, c) => ({ ...column, numeric: c > 0 }));

/** The line of a level, under a head if asked for; with fewer columns, at last as a list, where the terminal is narrow. */
export function levelLines(level: LevelResult, width: number, withHead: boolean): string[] {
  for (const most of [4, 3, 2, 1, 0]) {
    const columns = COLUMNS.filter(({ rank }) => rank <= most);
    const cells = columns.map(({ cell, width: least, numeric = false }) =>
      numeric ? cell(level).padStart(least) : cell(level).padEnd(least),
    );
    const lines = tableLines(columns, [cells], width);
    // In a list there is no head: its first line is the load.
    if (lines[0]?.trimStart().startsWith("load ") === true) return withHead ? lines : lines.slice(1);
  }
  return tableLines(COLUMNS, [COLUMNS.map(({ cell }) => cell(level))], width);
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

/** `412 µs`, `3.07 ms`, `1.2 s`: three digits. */
export function time(ms: number | undefined): string {
  if (ms === undefined || !Number.isFinite(ms)) return "–";
  if (ms < 1) return `${Number((1000 * ms).toPrecision(3))} µs`;
  return ms < 1000 ? `${Number(ms.toPrecision(3))} ms` : `${Number((ms / 1000).toPrecision(3))} s`;
}

function figure(value: number): string {
  return String(value < 100 ? Number(value.toPrecision(3)) : Math.round(value));
}
