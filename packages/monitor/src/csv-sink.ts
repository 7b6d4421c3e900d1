import { openLineFile } from "./line-file.ts";
import { type CounterName, type ModelCounters, modelKey } from "./model-counters.ts";
import type { ServerSample } from "./monitor-sample.ts";
import type { MonitorSink } from "./sink.ts";

export interface CsvSinkOptions {
  /**
   * Rows of ensembles themselves, beside those of their steps. Default: not, as hermes has it, so that a sum over rows
   * counts nothing twice. Where configurations cannot be had, an ensemble is not known as one, and has rows.
   */
  readonly ensembles?: boolean;
  /** Models to write; `undefined` for all. An ensemble's name stands for its steps, as in hermes. */
  readonly models?: readonly string[];
}

const HEADER = "timestamp,ip,model,count,queue,compute_input,compute_infer,compute_output,request";

/** Of {@link HEADER}'s columns from `count` on: executions, then sums in microseconds. */
const COLUMNS: readonly CounterName[] = [
  "executions",
  "queueUs",
  "computeInputUs",
  "computeInferUs",
  "computeOutputUs",
  "requestUs",
];

/**
 * A CSV file in the columns of hermes' `ServerMonitor`, for programs that read its files.
 *
 * `timestamp` is seconds since the Unix epoch, `ip` the server's host (its name where several servers share the
 * host), `count` the executions since the model's last row, and the rest sums over their requests in
 * microseconds. A model that did not run gets no row, and what its counters grew meanwhile goes into its next one.
 * Versions of a model are added up. Unlike in hermes' files there is a newline after the last row, and no difference
 * is below zero after a restart.
 *
 * @param path a file that is there is gone on with, if it has these columns
 * @throws `output-unwritable`
 */
export async function createCsvSink(path: string, options: CsvSinkOptions = {}): Promise<MonitorSink> {
  const { ensembles = false, models } = options;
  const file = await openLineFile(path, HEADER);
  const pending = new Map<string, number[]>();

  function wanted({ model, steps, stepOf }: ServerSample["models"][number]): boolean {
    if (steps !== undefined && !ensembles) return false;
    return models === undefined || models.includes(model) || stepOf.some((name) => models.includes(name));
  }

  return {
    async write(sample) {
      if (sample.kind !== "server") return;
      const { server, host, timestampMs } = sample;
      const active = new Set<string>();
      for (const activity of sample.models) {
        if (!wanted(activity)) continue;
        const key = modelKey(server, activity.model);
        pending.set(key, added(pending.get(key), activity.counters));
        active.add(activity.model);
      }
      const lines: string[] = [];
      for (const model of active) {
        const key = modelKey(server, model);
        const row = pending.get(key);
        if (row === undefined || !(row[0]! > 0)) continue;
        pending.delete(key);
        lines.push([timestampMs / 1000, field(host), field(model), ...row.map(Math.round)].join(","));
      }
      await file.append(lines);
    },
    close: () => file.close(),
  };
}

function added(sums: readonly number[] | undefined, counters: ModelCounters): number[] {
  return COLUMNS.map((name, c) => (sums?.[c] ?? 0) + (counters[name] ?? 0));
}

function field(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}
