import { type Html, html, renderPage } from "@strainflow/page";
import { loadText } from "../load.ts";
import type { LoadTestResult } from "../load-test-result.ts";
import { charts, keyLevel } from "./charts.ts";
import { figure, timeText } from "./figures-text.ts";
import { levelTable } from "./level-table.ts";
import { REPORT_STYLE } from "./report-style.ts";

export interface LoadReportOptions {
  /** Default: what was under load. */
  readonly title?: string;
  /** What each result is called, instead of what was under load. */
  readonly names?: readonly string[];
}

/**
 * One load test, or several side by side, as one HTML document that needs nothing else: no script, no network, no other
 * file. First the answer, then curves (throughput, latency by load and by percentile, the server's own breakdown), then
 * every figure in a table. Light and dark by the reader's system.
 */
export function renderLoadReport(
  results: readonly LoadTestResult[],
  options: LoadReportOptions = {},
): string {
  const names = results.map(
    (result, i) => options.names?.[i] ?? distinctName(results, i) ?? result.subject.name,
  );
  const title = options.title ?? `Load test: ${names.join(" and ")}`;
  const notes = results.flatMap((result, r) => notesOf(result, results.length > 1 ? `${names[r]}, ` : ""));
  const body = html`<header><h1>${title}</h1><p>${results.map(({ startedUtc }) => startedUtc.slice(0, 19).replace("T", " ")).join(", ")} UTC</p></header>
<main><dl class="figures">${results.flatMap((result, r) => answer(result, names[r] ?? "", results.length > 1))}</dl>
${notes.length === 0 ? undefined : html`<ul class="notes">${notes.map((note) => html`<li>${note}</li>`)}</ul>`}
<section class="charts" aria-label="Curves">${charts(results, names)}</section>
${results.map(
  (result, r) => html`<section><h2>${results.length > 1 ? (names[r] ?? "") : "All figures"}</h2>
${levelTable(result)}${facts(result)}</section>`,
)}
<p class="hint">Latency is counted from when a request was to be sent; with a rate, waiting for a server that stalls is part of it. Percentiles are of all requests in the last three windows. Batch, queue and infer are the server's own figures.</p></main>`;
  return renderPage({ title, style: REPORT_STYLE, body });
}

/** Two runs of one subject are told apart by when they were. */
function distinctName(results: readonly LoadTestResult[], place: number): string | undefined {
  const mine = results[place];
  if (mine === undefined) return undefined;
  const same = results.filter(({ subject }) => subject.name === mine.subject.name);
  if (same.length === 1) return mine.subject.name;
  return `${mine.subject.name} (${mine.startedUtc.slice(0, 19).replace("T", " ")})`;
}

function answer(result: LoadTestResult, name: string, several: boolean): Html[] {
  const level = keyLevel(result);
  if (level === undefined)
    return [html`<div><dt>${name}<span>nothing was measured</span></dt><dd>–</dd></div>`];
  const { goal, best } = result;
  const met = goal === undefined ? "" : best === undefined ? "no load met the goal; " : "within the goal; ";
  const who = several ? html`<span>${name}</span>` : undefined;
  return [
    html`<div><dt>inferences/s${who}<span>${met}${loadText(level.load)}</span></dt><dd>${figure(level.inferencesPerSecond)}</dd></div>`,
    html`<div><dt>p99 latency${who}<span>p50 ${timeText(level.latency?.p50Ms)}</span></dt><dd>${timeText(level.latency?.p99Ms)}</dd></div>`,
  ];
}

/** What a reader has to know before the figures are believed. */
function notesOf({ levels, stopped }: LoadTestResult, who: string): string[] {
  const notes = levels.flatMap((level) => {
    const place = `${who}${loadText(level.load)}: `;
    return [
      ...(level.generator.bottleneck === undefined ? [] : [`${place}${level.generator.bottleneck}`]),
      ...(level.wrong > 0 ? [`${place}${level.wrong} answers are wrong: ${level.wrongs[0] ?? ""}`] : []),
      ...level.errors.slice(0, 3).map(({ message, count }) => `${place}${count} × ${message}`),
    ];
  });
  const shaky = levels.filter(({ steady }) => !steady).map(({ load }) => loadText(load));
  if (shaky.length > 0)
    notes.push(`${who}${shaky.join(", ")}: the last windows did not agree; these figures are not steady`);
  return stopped ? [`${who}stopped before it was done`, ...notes] : notes;
}

function facts({ subject, goal }: LoadTestResult): Html {
  const rows: (readonly [string, string | undefined])[] = [
    ["subject", subject.name],
    ["server", subject.server],
    ["model version", subject.version],
    ["protocol", subject.protocol],
    ["batch", subject.kind === "model" ? String(subject.batchSize) : undefined],
    ["sequences", subject.sequences ? "yes" : undefined],
    ["goal", goal === undefined ? undefined : `p${goal.percentile} ≤ ${timeText(goal.latencyMs)}`],
  ];
  return html`<dl class="facts">${rows.flatMap(([name, value]) =>
    value === undefined ? [] : [html`<div><dt>${name}</dt><dd>${value}</dd></div>`],
  )}</dl>`;
}
