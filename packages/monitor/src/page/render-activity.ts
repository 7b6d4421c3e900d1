import { inOrder } from "../activity-table.ts";
import { averageFigure, batchFigure, countFigure, durationFigure, rateFigure } from "../figures.ts";
import type { ClientSample, ModelActivity } from "../monitor-sample.ts";
import type { ActivityHistory, HistoryPoint, ServerHistory } from "./activity-history.ts";
import { escapeHtml } from "./escape-html.ts";
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

/** All that a page shows, as HTML in which nothing that a server says is more than text. */
export function renderActivity(history: ActivityHistory): string {
  const servers = history.servers();
  const clients = history.clients();
  return (
    (servers.length === 0 ? "<p>No server has been asked yet.</p>" : servers.map(serverSection).join("")) +
    (clients.length === 0 ? "" : clientSection(clients))
  );
}

function serverSection(server: ServerHistory): string {
  const { name, last, away } = server;
  const state =
    away !== undefined
      ? `<b class="away">away for ${escapeHtml(durationFigure(away.awaySeconds))}</b> ${escapeHtml(away.error.message)}`
      : last === undefined
        ? "first figures at the next interval"
        : `last ${escapeHtml(durationFigure(last.elapsedSeconds))}, until ${new Date(last.timestampMs).toISOString().slice(11, 19)} UTC`;
  return (
    `<section><h2>${escapeHtml(name)}</h2><p>${state}</p>` +
    (last === undefined ? "" : modelTable(server, last.models, away !== undefined)) +
    "</section>"
  );
}

function modelTable(server: ServerHistory, models: readonly ModelActivity[], stale: boolean): string {
  if (models.length === 0) return "<p>No models.</p>";
  // Without quantiles or failures there, their columns would be empty.
  const columns = COLUMNS.filter(
    ({ head, cell }) =>
      !["p99", "failed"].includes(head) || models.some((model) => !/^[–0]$/.test(cell(model))),
  );
  const heads = columns.map(({ head }) => `<th class="n">${head}</th>`).join("");
  const rows = inOrder(models).map(({ activity, depth }) => {
    const { model, version } = activity;
    const points = server.points(model, version);
    const name = `${escapeHtml(model)} <small>${escapeHtml(version)}${activity.reset ? ", loaded anew" : ""}</small>`;
    return (
      `<tr><th style="padding-left:${depth * 18}px">${name}</th>` +
      columns.map(({ cell }) => `<td class="n">${escapeHtml(cell(activity))}</td>`).join("") +
      `<td>${curve(points.map(rate), "inferences/s")}</td><td>${curve(points.map(latency), "request")}</td></tr>`
    );
  });
  return (
    `<div class="scroll"><table${stale ? ' class="stale"' : ""}><thead><tr><th>model</th>${heads}` +
    `<th>inferences/s</th><th>request</th></tr></thead><tbody>${rows.join("")}</tbody></table></div>`
  );
}

const rate = ({ inferencesPerSecond }: HistoryPoint): number | undefined => inferencesPerSecond;
const latency = ({ requestUs }: HistoryPoint): number | undefined => requestUs;

function clientSection(clients: readonly ClientSample[]): string {
  const rows = clients.map(({ client, latency: { count, p50Ms, p90Ms, p99Ms, p999Ms } }) => {
    const figures = [
      countFigure(count),
      ...[p50Ms, p90Ms, p99Ms, p999Ms].map((ms) => averageFigure(ms * 1e3)),
    ];
    return `<tr><th>${escapeHtml(client)}</th>${figures.map((figure) => `<td class="n">${escapeHtml(figure)}</td>`).join("")}</tr>`;
  });
  const heads = ["answers", "p50", "p90", "p99", "p99.9"]
    .map((head) => `<th class="n">${head}</th>`)
    .join("");
  return `<section><h2>Clients</h2><div class="scroll"><table><thead><tr><th>client</th>${heads}</tr></thead><tbody>${rows.join("")}</tbody></table></div></section>`;
}
