import type { ColumnSource } from "hyparquet-writer";
import { type CounterName, counterNames } from "./model-counters.ts";
import type { MonitorSample } from "./monitor-sample.ts";

type Cell = string | number | boolean | bigint | null;

/** A row by its columns' names. */
export type ParquetRow = Readonly<Record<string, Cell>>;

const counterColumn: Readonly<Record<CounterName, string>> = {
  requests: "requests",
  failures: "failures",
  inferences: "inferences",
  executions: "executions",
  requestUs: "request_us",
  queueUs: "queue_us",
  computeInputUs: "compute_input_us",
  computeInferUs: "compute_infer_us",
  computeOutputUs: "compute_output_us",
};

/** Quantiles of the server's own summary, and of clients. */
const QUANTILES: Readonly<Record<string, string>> = {
  "0.5": "p50_us",
  "0.9": "p90_us",
  "0.95": "p95_us",
  "0.99": "p99_us",
  "0.999": "p999_us",
};

interface ColumnType {
  readonly name: string;
  readonly type: "STRING" | "DOUBLE" | "INT64" | "BOOLEAN";
}

const COLUMNS: readonly ColumnType[] = [
  { name: "kind", type: "STRING" },
  { name: "timestamp", type: "DOUBLE" },
  { name: "server", type: "STRING" },
  { name: "model", type: "STRING" },
  { name: "version", type: "STRING" },
  { name: "step_of", type: "STRING" },
  { name: "elapsed_seconds", type: "DOUBLE" },
  ...Object.values(counterColumn).map((name) => ({ name, type: "INT64" as const })),
  { name: "mean_batch", type: "DOUBLE" },
  { name: "pending", type: "INT64" },
  { name: "reset", type: "BOOLEAN" },
  ...Object.values(QUANTILES).map((name) => ({ name, type: "DOUBLE" as const })),
];

/**
 * Rows of a sample: `kind` is `model` or `client`; of a client, `model` is its name and `requests` its answers.
 * A server that was away has a row of kind `away`.
 */
export function parquetRows(sample: MonitorSample): ParquetRow[] {
  const timestamp = sample.timestampMs / 1000;
  if (sample.kind === "server")
    return sample.models.map(({ model, version, stepOf, counters, averages, pending, reset, quantiles }) => ({
      kind: "model",
      timestamp,
      server: sample.server,
      model,
      version,
      step_of: stepOf.length > 0 ? stepOf.join(",") : null,
      elapsed_seconds: sample.elapsedSeconds,
      ...Object.fromEntries(counterNames.map((name) => [counterColumn[name], whole(counters[name])])),
      mean_batch: averages.batchSize ?? null,
      pending: whole(pending),
      reset,
      ...Object.fromEntries(
        Object.entries(QUANTILES).map(([q, name]) => [name, quantiles?.us.get(q) ?? null]),
      ),
    }));
  if (sample.kind === "client") {
    const { count, p50Ms, p90Ms, p99Ms, p999Ms } = sample.latency;
    return [
      {
        kind: "client",
        timestamp,
        model: sample.client,
        requests: whole(count),
        p50_us: p50Ms * 1e3,
        p90_us: p90Ms * 1e3,
        p99_us: p99Ms * 1e3,
        p999_us: p999Ms * 1e3,
      },
    ];
  }
  if (sample.kind === "away")
    return [{ kind: "away", timestamp, server: sample.server, elapsed_seconds: sample.awaySeconds }];
  return [];
}

/** Columns of rows; what a row does not have is null. */
export function parquetColumns(rows: readonly ParquetRow[]): ColumnSource[] {
  return COLUMNS.map(({ name, type }) => ({
    name,
    type,
    nullable: true,
    data: rows.map((row) => row[name] ?? null),
  }));
}

function whole(value: number | undefined): bigint | null {
  return value === undefined ? null : BigInt(Math.round(value));
}
