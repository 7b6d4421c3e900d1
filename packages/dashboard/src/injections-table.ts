import { type Html, html } from "@strainflow/page";
import { fixed, gpsText } from "./page/text.ts";
import { massesText, utcOf } from "./page-words.ts";
import type { ReportData, ReportInjection } from "./report-data.ts";

/** What was injected, and what became of it. */
export function injectionsTable(data: ReportData): Html | undefined {
  const { injections } = data;
  if (injections === undefined || injections.length === 0) return undefined;
  const byTime = [...injections].sort((a, b) => (a.gpsNs < b.gpsNs ? -1 : a.gpsNs > b.gpsNs ? 1 : 0));
  return html`<section aria-labelledby="injections-title"><h2 id="injections-title">Injections</h2>
<div class="scroll" role="region" aria-label="Injections" tabindex="0"><table>
<thead><tr><th scope="col">GPS time</th><th scope="col" class="utc">UTC</th><th scope="col" class="n">Injected SNR</th>
<th scope="col" class="n">Masses (M<sub>☉</sub>)</th><th scope="col">Result</th><th scope="col" class="n">Recovered SNR</th>
<th scope="col" class="n">Found − injected (ms)</th></tr></thead>
<tbody>${byTime.map((injection) => injectionRow(injection, data))}</tbody></table></div></section>`;
}

function injectionRow(injection: ReportInjection, data: ReportData): Html {
  const { foundBy } = injection;
  const detection = foundBy === undefined ? undefined : data.detections[foundBy];
  const result =
    detection === undefined || foundBy === undefined
      ? html`<span class="strong">missed</span>${injection.note === undefined ? "" : `: ${injection.note}`}`
      : html`<a href="#detection-${foundBy + 1}">found</a>`;
  return html`<tr><td>${gpsText(injection.gpsNs)}<span class="utc-below">${utcOf(injection.gpsNs)}</span></td>
<td class="utc">${utcOf(injection.gpsNs)}</td>
<td class="n">${fixed(injection.snr, 1)}</td><td class="n">${massesText(injection.mass1, injection.mass2)}</td>
<td>${result}</td><td class="n">${detection === undefined ? "–" : fixed(detection.statistic, 1)}</td>
<td class="n">${detection === undefined ? "–" : fixed(Number(detection.gpsNs - injection.gpsNs) / 1e6, 1)}</td></tr>
`;
}
