import { createHash } from "node:crypto";
import { loadText } from "../load.ts";
import type { LoadTestResult } from "../load-test-result.ts";
import { charts, keyLevel } from "./charts.ts";
import { figure, timeText } from "./figures-text.ts";
import { levelTable } from "./level-table.ts";
import { escapeText, type Markup, markup } from "./markup.ts";
import { PAGE_STYLE } from "./page-style.ts";

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
  const body = markup`<header><h1>${title}</h1><p>${results.map(({ startedUtc }) => startedUtc.slice(0, 19).replace("T", " ")).join(", ")} UTC</p></header>
<main><dl class="figures">${results.flatMap((result, r) => answer(result, names[r] ?? "", results.length > 1))}</dl>
${notes.length === 0 ? undefined : markup`<ul class="notes">${notes.map((note) => markup`<li>${note}</li>`)}</ul>`}
<section class="charts" aria-label="Curves">${charts(results, names)}</section>
${results.map(
  (result, r) => markup`<section><h2>${results.length > 1 ? (names[r] ?? "") : "All figures"}</h2>
${levelTable(result)}${facts(result)}</section>`,
)}
<p class="hint">Latency is counted from when a request was to be sent; with a rate, waiting for a server that stalls is part of it. Percentiles are of all requests in the last three windows. Batch, queue and infer are the server's own figures.</p></main>`;
  const policy = `default-src 'none'; style-src 'sha256-${createHash("sha256").update(PAGE_STYLE).digest("base64")}'; img-src data:; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escapeText(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${escapeText(title)}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
${body.text}
</body>
</html>
`;
}

/** Two runs of one subject are told apart by when they were. */
function distinctName(results: readonly LoadTestResult[], place: number): string | undefined {
  const mine = results[place];
  if (mine === undefined) return undefined;
  const same = results.filter(({ subject }) => subject.name === mine.subject.name);
  if (same.length === 1) return mine.subject.name;
  return `${mine.subject.name} (${mine.startedUtc.slice(0, 19).replace("T", " ")})`;
}

function answer(result: LoadTestResult, name: string, several: boolean): Markup[] {
  const level = keyLevel(result);
  if (level === undefined)
    return [markup`<div><dt>${name}<span>nothing was measured</span></dt><dd>–</dd></div>`];
  const { goal, best } = result;
  const met = goal === undefined ? "" : best === undefined ? "no load met the goal; " : "within the goal; ";
  const who = several ? markup`<span>${name}</span>` : undefined;
  return [
    markup`<div><dt>inferences/s${who}<span>${met}${loadText(level.load)}</span></dt><dd>${figure(level.inferencesPerSecond)}</dd></div>`,
    markup`<div><dt>p99 latency${who}<span>p50 ${timeText(level.latency?.p50Ms)}</span></dt><dd>${timeText(level.latency?.p99Ms)}</dd></div>`,
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

function facts({ subject, goal }: LoadTestResult): Markup {
  const rows: (readonly [string, string | undefined])[] = [
    ["subject", subject.name],
    ["server", subject.server],
    ["model version", subject.version],
    ["protocol", subject.protocol],
    ["batch", subject.kind === "model" ? String(subject.batchSize) : undefined],
    ["sequences", subject.sequences ? "yes" : undefined],
    ["goal", goal === undefined ? undefined : `p${goal.percentile} ≤ ${timeText(goal.latencyMs)}`],
  ];
  return markup`<dl class="facts">${rows.flatMap(([name, value]) =>
    value === undefined ? [] : [markup`<div><dt>${name}</dt><dd>${value}</dd></div>`],
  )}</dl>`;
}
