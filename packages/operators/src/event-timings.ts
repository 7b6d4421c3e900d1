import type { EventFailureReason } from "./event-attempt.ts";
import { LatencyHistogram } from "./latency-histogram.ts";

/** One deployment of a model, and how it has served events. Times are of answered events, from request to response. */
export interface EventTiming {
  /** Who answered: server, model, version. */
  readonly deployment: string;
  /** Events in all. */
  readonly events: number;
  /** With outputs. */
  readonly inferred: number;
  readonly unreadable: number;
  readonly refused: number;
  readonly timedOut: number;
  readonly lost: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Answered events per second of wall clock, from the first request to the latest answer. */
  readonly eventsPerSecond: number;
}

/** Timing tables, one row per deployment, in bounded memory: quantiles are good to 0.5 %, mean and maximum exact. */
export interface EventTimings {
  /** Counts an event, and with `startMs` and `endMs` (of one clock) how long its request took. */
  record(
    deployment: string,
    outcome: "inferred" | EventFailureReason,
    startMs?: number,
    endMs?: number,
  ): void;
  /** In the order in which deployments were first seen. */
  rows(): readonly EventTiming[];
  /** One line per deployment, under a header; empty cells where nothing was answered. */
  toCsv(): string;
  /** The rows as JSON, `null` where nothing was answered. */
  toJson(): string;
}

const COLUMNS = [
  "deployment",
  "events",
  "inferred",
  "unreadable",
  "refused",
  "timedOut",
  "lost",
  "meanMs",
  "p50Ms",
  "p90Ms",
  "p99Ms",
  "maxMs",
  "eventsPerSecond",
] as const satisfies readonly (keyof EventTiming)[];

interface Row {
  readonly counts: Record<"inferred" | EventFailureReason, number>;
  readonly latency: LatencyHistogram;
  firstMs: number;
  lastMs: number;
}

/**
 * Begins timing tables, which several runs may share: one row per deployment.
 *
 * @example
 * ```ts
 * const timings = createEventTimings();
 * for await (const outcome of inferEvents(client, { model: "nugraph", timings })(events)) use(outcome);
 * process.stdout.write(timings.toCsv());
 * ```
 */
export function createEventTimings(): EventTimings {
  const table = new Map<string, Row>();

  function rowOf(deployment: string): Row {
    let row = table.get(deployment);
    if (row === undefined) {
      const counts = { inferred: 0, unreadable: 0, refused: 0, timeout: 0, lost: 0 };
      row = {
        counts,
        latency: new LatencyHistogram(),
        firstMs: Number.POSITIVE_INFINITY,
        lastMs: Number.NEGATIVE_INFINITY,
      };
      table.set(deployment, row);
    }
    return row;
  }

  const rows = (): EventTiming[] =>
    [...table].map(([deployment, { counts, latency, firstMs, lastMs }]) => ({
      deployment,
      events: Object.values(counts).reduce((sum, count) => sum + count, 0),
      inferred: counts.inferred,
      unreadable: counts.unreadable,
      refused: counts.refused,
      timedOut: counts.timeout,
      lost: counts.lost,
      meanMs: latency.meanMs,
      p50Ms: latency.quantileMs(0.5),
      p90Ms: latency.quantileMs(0.9),
      p99Ms: latency.quantileMs(0.99),
      maxMs: latency.maxMs,
      eventsPerSecond: lastMs > firstMs ? (1000 * counts.inferred) / (lastMs - firstMs) : Number.NaN,
    }));

  return {
    record(deployment, outcome, startMs, endMs) {
      const row = rowOf(deployment);
      row.counts[outcome]++;
      if (outcome !== "inferred" || startMs === undefined || endMs === undefined) return;
      row.latency.add(endMs - startMs);
      row.firstMs = Math.min(row.firstMs, startMs);
      row.lastMs = Math.max(row.lastMs, endMs);
    },
    rows,
    toCsv: () =>
      [COLUMNS.join(","), ...rows().map((row) => COLUMNS.map((column) => cell(row[column])).join(","))].join(
        "\n",
      ),
    toJson: () => JSON.stringify(rows()),
  };
}

/** A number to the microsecond, or a text as RFC 4180 has it. */
function cell(value: string | number): string {
  if (typeof value === "number") {
    if (Number.isNaN(value)) return "";
    return Number.isInteger(value) ? String(value) : value.toFixed(3);
  }
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
