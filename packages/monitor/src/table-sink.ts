import { createTableState, cut, inOrder } from "./activity-table.ts";
import { averageFigure, batchFigure, durationFigure, rateFigure } from "./figures.ts";
import type { ModelActivity, MonitorSample } from "./monitor-sample.ts";
import type { MonitorSink } from "./sink.ts";

/** A terminal, or whatever stands in for one: `process.stdout` is one. */
export interface TableStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

export interface TableSinkOptions {
  /** Default `process.stdout`. */
  readonly stream?: TableStream;
  /**
   * `refresh`: one table, drawn over itself; `lines`: a line for each model that did something in the interval;
   * `end`: one table at the end. Default: `refresh` if the stream is a terminal, else `lines`.
   */
  readonly as?: "refresh" | "lines" | "end";
}

/**
 * A table of what models do, refreshed in place; where there is no terminal, plain lines: one for each model that did
 * something in the interval.
 */
export function createTableSink(options: TableSinkOptions = {}): MonitorSink {
  const { stream = process.stdout, as = stream.isTTY === true ? "refresh" : "lines" } = options;
  if (as === "lines") return plain(stream);
  return as === "refresh" ? refreshed(stream) : atEnd(stream);
}

const DEFAULT_COLUMNS = 100;
const DEFAULT_ROWS = 24;

function refreshed(stream: TableStream): MonitorSink {
  const state = createTableState();
  let drawn = 0;
  return {
    write(sample) {
      state.add(sample);
      const lines = state.lines(size(stream.columns, DEFAULT_COLUMNS));
      // A table higher than the terminal could not be drawn over: its upper part would have left for good.
      const room = Math.max(1, size(stream.rows, DEFAULT_ROWS) - 1);
      const shown =
        lines.length <= room
          ? lines
          : [...lines.slice(0, room - 1), `  … ${lines.length - room + 1} more lines`];
      const up = drawn > 0 ? `\u001b[${drawn}A` : "";
      stream.write(`${up}\r\u001b[J${shown.map((line) => `${line}\n`).join("")}`);
      drawn = shown.length;
    },
    close: async () => undefined,
  };
}

function atEnd(stream: TableStream): MonitorSink {
  const state = createTableState();
  return {
    write: (sample) => state.add(sample),
    async close() {
      for (const line of state.lines(size(stream.columns, DEFAULT_COLUMNS))) stream.write(`${line}\n`);
    },
  };
}

function plain(stream: TableStream): MonitorSink {
  const away = new Set<string>();
  return {
    write(sample) {
      for (const line of plainLines(sample, away))
        stream.write(
          `${cut(`${new Date(sample.timestampMs).toISOString().slice(11, 19)}  ${line}`, size(stream.columns, 1000))}\n`,
        );
    },
    close: async () => undefined,
  };
}

/** @param away servers that are: told when they go and when they are back */
function plainLines(sample: MonitorSample, away: Set<string>): string[] {
  switch (sample.kind) {
    case "client": {
      const { client, latency } = sample;
      const { count, p50Ms, p99Ms, p999Ms } = latency;
      return [
        `client ${client}   ${count} answers   p50 ${averageFigure(p50Ms * 1e3)}   p99 ${averageFigure(p99Ms * 1e3)}   p99.9 ${averageFigure(p999Ms * 1e3)}`,
      ];
    }
    case "away": {
      if (away.has(sample.server)) return [];
      away.add(sample.server);
      return [`${sample.server}   away: ${sample.error.message}`];
    }
    case "seen":
      return [
        `${sample.server}   ${away.delete(sample.server) ? "is there" : "watched"}, ${sample.models.length} models`,
      ];
    case "no-steps":
      return [`${sample.server}   ensembles are not recognised: ${sample.error.message}`];
    case "server": {
      const { server, elapsedSeconds, models } = sample;
      const active = inOrder(models).filter(
        ({ activity: { counters } }) => (counters.requests ?? 0) > 0 || (counters.failures ?? 0) > 0,
      );
      return [
        ...(away.delete(server) ? [`${server}   back after ${durationFigure(elapsedSeconds)}`] : []),
        ...active.map(({ activity, depth }) => `${server}   ${"  ".repeat(depth)}${activityLine(activity)}`),
      ];
    }
  }
}

function activityLine({ model, counters, averages, reset }: ModelActivity): string {
  const { requests = 0, failures = 0 } = counters;
  const parts: readonly (readonly [string, string])[] = [
    ["request", averageFigure(averages.requestUs)],
    ["queue", averageFigure(averages.queueUs)],
    ["input", averageFigure(averages.computeInputUs)],
    ["infer", averageFigure(averages.computeInferUs)],
    ["output", averageFigure(averages.computeOutputUs)],
  ];
  return [
    model,
    averages.requestsPerSecond === undefined
      ? `${requests} requests`
      : `${rateFigure(averages.requestsPerSecond)} req/s`,
    `batch ${batchFigure(averages.batchSize)}`,
    ...parts.map(([name, figure]) => `${name} ${figure}`),
    ...(failures > 0 ? [`${failures} failed`] : []),
    ...(reset ? ["loaded anew"] : []),
  ].join("   ");
}

/** Some terminals say that they have no rows and no columns, when they do not know. */
function size(told: number | undefined, otherwise: number): number {
  return told === undefined || told < 1 ? otherwise : told;
}
