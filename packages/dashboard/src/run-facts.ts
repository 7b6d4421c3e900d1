import { type Html, html } from "@strainflow/page";
import { gpsText } from "./page/text.ts";
import { gapText, secondsText } from "./page-words.ts";
import type { ReportData } from "./report-data.ts";

/** How the run was made: settings, versions, inputs; and every stretch that was not searched. */
export function runFacts(data: ReportData): Html {
  const first: readonly (readonly [string, string])[] = [
    ["ifos", data.ifos.join(", ")],
    ["sampleRate", `${data.sampleRate} Hz`],
  ];
  const given = new Set(data.settings.map(([name]) => name));
  return html`<section class="facts" aria-label="How the run was made">
${definitions("Settings", [...first.filter(([name]) => !given.has(name)), ...data.settings])}
${definitions("Versions", data.versions)}
${definitions("Inputs", data.inputs, "stacked")}
${gapList(data)}</section>`;
}

function definitions(
  title: string,
  entries: readonly (readonly [string, string])[],
  layout = "beside",
): Html | undefined {
  if (entries.length === 0) return undefined;
  return html`<div><h2>${title}</h2><dl class="${layout}">${entries.map(
    ([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`,
  )}</dl></div>`;
}

function gapList(data: ReportData): Html | undefined {
  const gaps = data.segments.filter((segment) => segment.reason !== undefined);
  if (gaps.length === 0) return undefined;
  return html`<div><h2>Not searched</h2><dl>${gaps.map(
    (gap) =>
      html`<div><dt>${gpsText(gap.startNs)} + ${secondsText(Number(gap.endNs - gap.startNs) / 1e9)}</dt><dd>${gapText(gap)}</dd></div>`,
  )}</dl></div>`;
}
