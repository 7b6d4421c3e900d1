import { type Html, html } from "@strainflow/page";
import { inOrder } from "../activity-table.ts";
import { averageFigure, batchFigure, countFigure, durationFigure, rateFigure } from "../figures.ts";
import type { ClientSample, ModelActivity } from "../monitor-sample.ts";
import type { ActivityHistory, HistoryPoint, ServerHistory } from "./activity-history.ts";
import { curve } from "./render-curve.ts";

interface Column {
  readonly head: string;
  readonly cell: (activity: ModelActivity) => string;
}

const COLUMNS: readonly Column[] = [
  { head: "requests/s", cell: ({ averages }) => rateFigure(averages.requestsPerSecond) },
  { head: "inferences/s", cell: ({ averages }) => rateFigure(averages.inferencesPerSecond) },
  { head: "batch", cell: ({ averages }) => batchFigure(averages.batchSize) },
  { head: "request", cell: ({ averages }) => averageFigure(averages.requestUs) },
  { head: "queue", cell: ({ averages }) => averageFigure(averages.queueUs) },
  { head: "input", cell: ({ averages }) => averageFigure(averages.computeInputUs) },
  { head: "infer", cell: ({ averages }) => averageFigure(averages.computeInferUs) },
  { head: "output", cell: ({ averages }) => averageFigure(averages.computeOutputUs) },
  { head: "p99", cell: ({ quantiles }) => averageFigure(quantiles?.us.get("0.99")) },
  { head: "failed", cell: ({ counters }) => countFigure(counters.failures) },
];

/** All that a page shows: nothing that a server says is more than text. */
export function renderActivity(history: ActivityHistory): Html {
  const servers = history.servers();
  const clients = history.clients();
  return html`${servers.length === 0 ? html`<p>No server has been asked yet.</p>` : servers.map(serverSection)}${clients.length === 0 ? undefined : clientSection(clients)}`;
}

function serverSection(server: ServerHistory): Html {
  const { name, last, away } = server;
  const state =
    away !== undefined
      ? html`<b class="away">away for ${durationFigure(away.awaySeconds)}</b> ${away.error.message}`
      : last === undefined
        ? html`first figures at the next interval`
        : html`last ${durationFigure(last.elapsedSeconds)}, until ${new Date(last.timestampMs).toISOString().slice(11, 19)} UTC`;
  const table = last === undefined ? undefined : modelTable(server, last.models, away !== undefined);
  return html`<section><h2>${name}</h2><p class="state">${state}</p>${table}</section>`;
}

/** Steps of steps are moved in further and further, up to this; the sheet has a class for each. */
export const MOST_DEPTH = 4;

function modelTable(server: ServerHistory, models: readonly ModelActivity[], stale: boolean): Html {
  if (models.length === 0) return html`<p>No models.</p>`;
  // Without quantiles or failures there, their columns would be empty.
  const columns = COLUMNS.filter(
    ({ head, cell }) =>
      !["p99", "failed"].includes(head) || models.some((model) => !/^[–0]$/.test(cell(model))),
  );
  const heads = columns.map(({ head }) => html`<th class="n">${head}</th>`);
  const rows = inOrder(models).map(({ activity, depth }) => {
    const { model, version } = activity;
    const points = server.points(model, version);
    const cells = columns.map(({ cell }) => html`<td class="n">${cell(activity)}</td>`);
    return html`<tr><th class="d${Math.min(depth, MOST_DEPTH)}">${model} <small>${version}${activity.reset ? ", loaded anew" : ""}</small></th>${cells}<td>${curve(points.map(rate), "inferences/s")}</td><td>${curve(points.map(latency), "request")}</td></tr>`;
  });
  return html`<div class="scroll"><table class="${stale ? "stale" : ""}"><thead><tr><th>model</th>${heads}<th>inferences/s</th><th>request</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

const rate = ({ inferencesPerSecond }: HistoryPoint): number | undefined => inferencesPerSecond;
const latency = ({ requestUs }: HistoryPoint): number | undefined => requestUs;

function clientSection(clients: readonly ClientSample[]): Html {
  const rows = clients.map(({ client, latency: { count, p50Ms, p90Ms, p99Ms, p999Ms } }) => {
    const times = [p50Ms, p90Ms, p99Ms, p999Ms].map((ms) => averageFigure(ms * 1e3));
    const cells = [countFigure(count), ...times].map((figure) => html`<td class="n">${figure}</td>`);
    return html`<tr><th>${client}</th>${cells}</tr>`;
  });
  const heads = ["answers", "p50", "p90", "p99", "p99.9"].map((head) => html`<th class="n">${head}</th>`);
  return html`<section><h2>Clients</h2><div class="scroll"><table><thead><tr><th>client</th>${heads}</tr></thead><tbody>${rows}</tbody></table></div></section>`;
}
