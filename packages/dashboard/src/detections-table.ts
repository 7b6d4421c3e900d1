import { type Html, html } from "@strainflow/page";
import { fixed, gpsText, plain } from "./page/text.ts";
import { massesText, utcOf } from "./page-words.ts";
import type { ReportData, ReportDetection } from "./report-data.ts";

/** The detections, one row each; its first cell leads to its panels. */
export function detectionsTable(data: ReportData): Html {
  if (data.detections.length === 0)
    return html`<p class="none">Nothing reached a network SNR of ${plain(data.threshold)}.</p>`;
  const [first, ...others] = data.ifos;
  const injectedSnr = new Map<number, number>();
  for (const { foundBy, snr } of data.injections ?? [])
    if (foundBy !== undefined) injectedSnr.set(foundBy, snr);
  return html`<div class="scroll" role="region" aria-label="Detections" tabindex="0"><table class="detections">
<thead><tr><th scope="col">GPS time</th><th scope="col" class="utc">UTC</th><th scope="col" class="n">Network SNR</th>
${data.ifos.map((ifo) => html`<th scope="col" class="n">${ifo} SNR</th>`)}
${others.map((ifo) => html`<th scope="col" class="n">${first} − ${ifo} (ms)</th>`)}
<th scope="col" class="n">Masses (M<sub>☉</sub>)</th>
${data.injections === undefined ? undefined : html`<th scope="col" class="n">Injected SNR</th>`}</tr></thead>
<tbody>${data.detections.map(
    (
      detection,
      i,
    ) => html`<tr data-detection="${i}"><td><a href="#detection-${i + 1}">${gpsText(detection.gpsNs)}</a><span class="utc-below">${utcOf(detection.gpsNs)}</span></td>
<td class="utc">${utcOf(detection.gpsNs)}</td><td class="n strong">${fixed(detection.statistic, 1)}</td>
${data.ifos.map((ifo) => html`<td class="n">${fixed(detection.snr[ifo] ?? Number.NaN, 1)}</td>`)}
${others.map((ifo) => html`<td class="n">${delayText(detection, first ?? "", ifo)}</td>`)}
<td class="n">${massesText(detection.mass1, detection.mass2)}</td>
${data.injections === undefined ? undefined : html`<td class="n">${fixed(injectedSnr.get(i) ?? Number.NaN, 1)}</td>`}</tr>
`,
  )}</tbody></table></div>`;
}

/** ms by which the signal came later to `first` than to `other`. */
function delayText(detection: ReportDetection, first: string, other: string): string {
  const a = detection.peakNs[first];
  const b = detection.peakNs[other];
  return a === undefined || b === undefined ? "–" : fixed(Number(a - b) / 1e6, 1);
}
