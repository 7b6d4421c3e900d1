import { averageFigure, batchFigure, countFigure, durationFigure, rateFigure } from "./figures.ts";
import { modelKey } from "./model-counters.ts";
import type { ClientSample, ModelActivity, MonitorSample, ServerSample } from "./monitor-sample.ts";

/** What a table shows: the last that is known of each server and client. */
export interface TableState {
  add(sample: MonitorSample): void;
  /**
   * The table for a terminal of so many columns. Columns that matter least go first where it is narrow; where even
   * the rest does not fit, each model has two short lines. No line is wider than the terminal.
   */
  lines(columns: number): string[];
}

interface Column {
  readonly head: string;
  readonly cell: (activity: ModelActivity, total: boolean) => string;
  /** Left out in this order where there is no room: the highest first. */
  readonly dispensable: number;
}

const COLUMNS: readonly Column[] = [
  {
    head: "req/s",
    dispensable: 0,
    cell: (a, total) => (total ? countFigure(a.counters.requests) : rateFigure(a.averages.requestsPerSecond)),
  },
  {
    head: "inf/s",
    dispensable: 4,
    cell: (a, total) =>
      total ? countFigure(a.counters.inferences) : rateFigure(a.averages.inferencesPerSecond),
  },
  { head: "batch", dispensable: 3, cell: (a) => batchFigure(a.averages.batchSize) },
  { head: "request", dispensable: 0, cell: (a) => averageFigure(a.averages.requestUs) },
  { head: "queue", dispensable: 1, cell: (a) => averageFigure(a.averages.queueUs) },
  { head: "input", dispensable: 6, cell: (a) => averageFigure(a.averages.computeInputUs) },
  { head: "infer", dispensable: 2, cell: (a) => averageFigure(a.averages.computeInferUs) },
  { head: "output", dispensable: 5, cell: (a) => averageFigure(a.averages.computeOutputUs) },
  { head: "p99", dispensable: 7, cell: (a) => averageFigure(a.quantiles?.us.get("0.99")) },
  { head: "failed", dispensable: 8, cell: (a) => countFigure(a.counters.failures) },
];

/** Seconds: a server that has only now been found away has no time to tell. */
const NOTICED = 0.1;

type ServerState = {
  last?: ServerSample;
  away?: Extract<MonitorSample, { kind: "away" }>;
  seen: boolean;
  noSteps?: true;
};

/** A table of what models do. It writes nothing: that is for whoever has a terminal. */
export function createTableState(): TableState {
  const servers = new Map<string, ServerState>();
  const clients = new Map<string, ClientSample>();
  return {
    add(sample) {
      if (sample.kind === "client") {
        clients.set(sample.client, sample);
        return;
      }
      const state = servers.get(sample.server) ?? { seen: false };
      const { noSteps } = state;
      const kept = noSteps === undefined ? {} : { noSteps };
      if (sample.kind === "server") servers.set(sample.server, { ...kept, last: sample, seen: true });
      else if (sample.kind === "seen") servers.set(sample.server, { ...kept, seen: true });
      else if (sample.kind === "away") servers.set(sample.server, { ...state, away: sample });
      else servers.set(sample.server, { ...state, noSteps: true });
    },
    lines(columns) {
      const shown: string[] = [];
      const byName = [...servers].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
      for (const [name, { last, away, seen, noSteps }] of byName) {
        if (shown.length > 0) shown.push("");
        const when =
          away !== undefined
            ? `away${away.awaySeconds < NOTICED ? "" : ` for ${durationFigure(away.awaySeconds)}`}: ${away.error.message}`
            : last === undefined
              ? seen
                ? "first figures at the next interval"
                : "asked"
              : last.elapsedSeconds > 0
                ? `last ${durationFigure(last.elapsedSeconds)}`
                : "since its models were loaded";
        shown.push(cut(`${name}   ${when}`, columns));
        if (last === undefined || away !== undefined) continue;
        shown.push(...modelLines(last, columns));
        if (noSteps)
          shown.push(cut("  (no configurations are to be had: ensembles are not recognised)", columns));
      }
      if (clients.size > 0)
        shown.push(...(shown.length > 0 ? [""] : []), ...clientLines([...clients.values()], columns));
      return shown;
    },
  };
}

/** Ensembles with their steps under them, in their order; then all that is no step. */
export function inOrder(
  models: readonly ModelActivity[],
): { readonly activity: ModelActivity; readonly depth: number }[] {
  const rows: { activity: ModelActivity; depth: number }[] = [];
  const shown = new Set<string>();
  const add = (activity: ModelActivity, depth: number): void => {
    const key = modelKey(activity.model, activity.version);
    if (shown.has(key)) return;
    shown.add(key);
    rows.push({ activity, depth });
    for (const step of activity.steps ?? [])
      for (const other of models)
        if (other.model === step && other.stepOf.includes(activity.model)) add(other, depth + 1);
  };
  for (const activity of models)
    if (activity.steps !== undefined && activity.stepOf.length === 0) add(activity, 0);
  for (const activity of models) if (activity.stepOf.length === 0) add(activity, 0);
  for (const activity of models) add(activity, 0);
  return rows;
}

function modelLines({ models, elapsedSeconds }: ServerSample, columns: number): string[] {
  if (models.length === 0) return ["  no models"].map((line) => cut(line, columns));
  const total = !(elapsedSeconds > 0);
  const versions = new Map<string, number>();
  for (const { model } of models) versions.set(model, (versions.get(model) ?? 0) + 1);
  const rows = inOrder(models).map(({ activity, depth }) => {
    const version = (versions.get(activity.model) ?? 0) > 1 ? ` v${activity.version}` : "";
    const mark = activity.reset ? " (loaded anew)" : "";
    return { activity, name: `${"  ".repeat(depth + 1)}${activity.model}${version}${mark}` };
  });
  // Without quantiles or failures there, their columns would be empty.
  const present = COLUMNS.filter(({ head, cell }) =>
    head === "p99" || head === "failed"
      ? rows.some(({ activity }) => !/^[–0]$/.test(cell(activity, total)))
      : true,
  );
  const longest = Math.max(...rows.map(({ name }) => name.length));
  for (const most of [9, 8, 7, 6, 5, 4, 3, 2, 1]) {
    const kept = present.filter(({ dispensable }) => dispensable < most);
    const width = longest + kept.length * 10;
    // Names may be cut by a third before a column goes that says more than they do.
    if (width > columns && !(most <= 2 && (longest * 2) / 3 + kept.length * 10 <= columns)) continue;
    const room = Math.max(1, Math.min(longest, columns - kept.length * 10));
    const heads = kept.map(({ head }) => headOf(head, total).padStart(10)).join("");
    return [
      `${" ".repeat(room)}${heads}`,
      ...rows.map(
        ({ activity, name }) =>
          cut(name, room).padEnd(room) + kept.map(({ cell }) => cell(activity, total).padStart(10)).join(""),
      ),
    ].map((line) => cut(line.trimEnd(), columns));
  }
  return rows.flatMap(({ activity, name }) => {
    const figures = present
      .filter(({ dispensable }) => dispensable < 1)
      .map(({ head, cell }) => `${cell(activity, total)} ${headOf(head, total)}`)
      .join(", ");
    return [cut(name, columns), cut(`    ${figures}`, columns)];
  });
}

/** Of totals there are counts where there would be rates. */
function headOf(head: string, total: boolean): string {
  return total ? head.replace("req/s", "requests").replace("inf/s", "inf") : head;
}

function clientLines(clients: readonly ClientSample[], columns: number): string[] {
  const heads = ["p50", "p90", "p99", "p99.9"];
  const longest = Math.max("clients".length, ...clients.map(({ client }) => client.length + 2));
  const room = Math.max(1, Math.min(longest, columns - 50));
  return [
    "clients".padEnd(room) + ["answers", ...heads].map((head) => head.padStart(10)).join(""),
    ...clients.map(({ client, latency: { count, p50Ms, p90Ms, p99Ms, p999Ms } }) =>
      [
        cut(`  ${client}`, room).padEnd(room),
        ...[countFigure(count), ...[p50Ms, p90Ms, p99Ms, p999Ms].map((ms) => averageFigure(ms * 1e3))].map(
          (cell) => cell.padStart(10),
        ),
      ].join(""),
    ),
  ].map((line) => cut(line, columns));
}

/** At most so many characters; a mark where something was cut off. */
export function cut(text: string, size: number): string {
  if (text.length <= size) return text;
  return size < 1 ? "" : `${text.slice(0, size - 1)}…`;
}
