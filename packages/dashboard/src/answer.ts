import { type Html, html } from "@strainflow/page";
import { fixed, gpsText, plain } from "./page/text.ts";
import { gapText, secondsText } from "./page-words.ts";
import type { ReportData } from "./report-data.ts";

/** The answer: how many detections, how loud, over how much livetime, and whether SNRs can be believed. */
export function answer(data: ReportData): Html {
  const total = Number(data.endNs - data.startNs) / 1e9;
  const { searchedSeconds } = data.livetime;
  const loudest = data.detections.reduce((most, { statistic }) => Math.max(most, statistic), 0);
  const found = data.injections?.filter(({ foundBy }) => foundBy !== undefined).length;
  const count = data.detections.length;
  return html`<dl class="figures">
<div><dt>${count === 1 ? "detection" : "detections"} <span>with network SNR ≥ ${plain(data.threshold)}</span></dt><dd>${count}</dd></div>
<div>${loudestFigure(data, loudest)}</div>
<div><dt>searched <span>of ${secondsText(total)}${total > 0 ? `, ${fixed((100 * searchedSeconds) / total, 1)} %` : ""}</span></dt><dd>${secondsText(searchedSeconds)}</dd></div>
${found === undefined ? undefined : html`<div><dt>${found === 1 ? "injection" : "injections"} found <span>of ${data.injections?.length ?? 0}</span></dt><dd>${found}</dd></div>`}
</dl>
<p>${calibrationSentence(data)}</p>
<p>${livetimeSentence(data)}</p>`;
}

function loudestFigure(data: ReportData, loudest: number): Html {
  if (data.detections.length > 0)
    return html`<dt>network SNR <span>of the loudest</span></dt><dd>${fixed(loudest, 1)}</dd>`;
  let peak = Number.NaN;
  const network = data.series.find((series) => series.ifo === undefined);
  for (const value of network?.values ?? []) if (!Number.isNaN(value) && !(value <= peak)) peak = value;
  return html`<dt>network SNR <span>of the loudest output</span></dt><dd>${fixed(peak, 1)}</dd>`;
}

/** Quadratures off source have mean 0 and deviation 1 where the PSD was right; the deviation is the scale of all SNRs. */
function calibrationSentence(data: ReportData): string {
  const entries = data.ifos.flatMap((ifo) => {
    const own = data.calibration?.[ifo];
    return own === undefined ? [] : [{ ifo, ...own }];
  });
  if (entries.length === 0) return "Whether SNRs mean what they say was not measured in this run.";
  const figures = entries
    .map(({ ifo, mean, standardDeviation }) => `${fixed(mean, 2)} ± ${fixed(standardDeviation, 2)} in ${ifo}`)
    .join(", ");
  const off = entries.filter(
    ({ mean, standardDeviation }) => !(Math.abs(mean) < 0.05 && Math.abs(standardDeviation - 1) < 0.05),
  );
  const verdict =
    off.length === 0
      ? "so SNRs mean what they say"
      : `so SNRs of ${off.map(({ ifo }) => ifo).join(" and ")} are not to be taken at face value`;
  return `Away from detections the matched filter gives ${figures}, where 0 ± 1 is right: ${verdict}.`;
}

function livetimeSentence(data: ReportData): string {
  const span = `GPS ${gpsText(data.startNs)} to ${gpsText(data.endNs)}`;
  const lost = new Map<string, number>();
  for (const segment of data.segments) {
    if (segment.reason === undefined) continue;
    const words = gapText({ reason: segment.reason });
    lost.set(words, (lost.get(words) ?? 0) + Number(segment.endNs - segment.startNs) / 1e9);
  }
  if (lost.size === 0) return `The run spans ${span}, searched without a gap.`;
  const parts = [...lost]
    .sort((a, b) => b[1] - a[1])
    .map(([words, seconds]) => `${secondsText(seconds)} ${words}`);
  return `The run spans ${span}. Not searched: ${secondsText(data.livetime.gapSeconds)} (${parts.join("; ")}).`;
}
