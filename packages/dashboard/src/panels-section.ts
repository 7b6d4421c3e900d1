import { type Html, html } from "@strainflow/page";
import type { FittedPanels } from "./encode-panels.ts";
import { fixed, gpsText } from "./page/text.ts";
import { counted, massesText, utcOf } from "./page-words.ts";
import type { ReportData, ReportDetection } from "./report-data.ts";

/** A place for each detection's panels, which the page's script fills when it is opened. The first is open. */
export function panelsSection(data: ReportData, panels: FittedPanels): Html | undefined {
  if (data.detections.length === 0) return undefined;
  const { leftOut, byDetection } = panels;
  const kept = byDetection.size;
  return html`<section aria-labelledby="panels-title"><h2 id="panels-title">Around each detection</h2>
${
  leftOut === 0
    ? undefined
    : html`<p>To keep this page small, panels are in it for the ${counted(kept, "loudest detection")} only.</p>`
}
${data.detections.map((detection, i) => panelPlace(detection, i, data, byDetection.has(i)))}</section>`;
}

function panelPlace(detection: ReportDetection, i: number, data: ReportData, kept: boolean): Html {
  const without = data.ifos.filter((ifo) => detection.panels[ifo] === undefined);
  const absence = kept
    ? without.map((ifo) => `${ifo}: no panels, too little strain without a gap around it.`).join(" ")
    : Object.keys(detection.panels).length > 0
      ? "Its panels were left out of this page."
      : "There are no panels: too little strain without a gap around it.";
  return html`<details class="detection" id="detection-${i + 1}" data-detection="${i}"${i === 0 ? html` open` : undefined}>
<summary><h3>${gpsText(detection.gpsNs)}</h3> <span class="when">${utcOf(detection.gpsNs)}</span>
<span>network <b>${fixed(detection.statistic, 1)}</b></span>
${data.ifos.map((ifo, k) => html`<span><span class="ifo-${k}">${ifo}</span> <b>${fixed(detection.snr[ifo] ?? Number.NaN, 1)}</b></span> `)}
<span>${massesText(detection.mass1, detection.mass2)} M<sub>☉</sub></span></summary>
<div class="panels"></div>
${absence === "" ? undefined : html`<p class="none">${absence}</p>`}</details>
`;
}
