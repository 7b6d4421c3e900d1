import { html, renderPage } from "@strainflow/page";
import { answer } from "./answer.ts";
import { buildPageData } from "./build-page-data.ts";
import { detectionsTable } from "./detections-table.ts";
import { injectionsTable } from "./injections-table.ts";
import { pageAssets } from "./page-assets.ts";
import { panelsSection } from "./panels-section.ts";
import type { ReportData } from "./report-data.ts";
import { reportStyle } from "./report-style.ts";
import { runFacts } from "./run-facts.ts";

/**
 * The report of a run as one HTML document that needs nothing else: no server, no network, no other file.
 *
 * First the answer and the detections, then the whole run on one time axis, then the panels of each detection, then how
 * the run was made. The tables are there without scripts, too. Lines longer than 20,000 values are reduced to the
 * smallest and largest value of each bin, and panels are kept for as many of the loudest detections as fit, so that an
 * hour of data stays under 5 MB.
 *
 * Nothing in `data` can become markup or script: texts are escaped, and a Content-Security-Policy in the page lets only
 * the page's own scripts run, and nothing be loaded.
 *
 * @throws `dashboard-script` if the package was not built
 */
export function renderReport(data: ReportData): string {
  const { page, panels } = buildPageData(data);
  const { scripts, plotStyle } = pageAssets();
  const style = `${plotStyle}\n${reportStyle(data.ifos)}`;
  const body = html`<header><h1>${data.title}</h1>
<p>${data.subtitle === undefined ? undefined : html`${data.subtitle}<br>`}<span class="when">Made ${madeAt(data.generatedUtc)}</span></p></header>
<main><section aria-label="Result">${answer(data)}
<h2>Detections</h2>
${detectionsTable(data)}</section>
${injectionsTable(data)}
<section aria-labelledby="run-title"><h2 id="run-title">The whole run</h2>
<noscript><p class="none">The plots need JavaScript; everything above does not.</p></noscript>
<div id="run"></div></section>
${panelsSection(data, panels)}
${runFacts(data)}</main>`;
  return renderPage({ title: data.title, style, body, data: { "report-data": page }, scripts });
}

/** `2026-02-03T14:05:09.123Z` as people write it; anything else as it is. */
function madeAt(utc: string): string {
  const parts = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z$/.exec(utc);
  return parts === null ? utc : `${parts[1]} ${parts[2]} UTC`;
}
