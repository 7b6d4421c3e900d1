import { type Html, html } from "@strainflow/page";
import { linearScale } from "./scale.ts";

export interface StackRow {
  readonly name: string;
  /** In the order of `parts`. */
  readonly values: readonly number[];
}

const WIDTH = 520;
const LEFT = 132;
const RIGHT = WIDTH - 14;
const ROW = 24;

/** Bars of which each shows what its sum is made of. */
export function stackChart(
  title: string,
  unit: string,
  parts: readonly string[],
  rows: readonly StackRow[],
): Html {
  const sums = rows.map(({ values }) => values.reduce((sum, value) => sum + value, 0));
  const scale = linearScale(sums);
  const at = (value: number): number => Math.round((LEFT + scale.place(value) * (RIGHT - LEFT)) * 10) / 10;
  const bottom = 8 + rows.length * ROW;
  const ticks = scale.ticks.map(
    ({ value, text }) =>
      html`<line x1="${at(value)}" x2="${at(value)}" y1="4" y2="${bottom + 4}"/><text x="${at(value)}" y="${bottom + 18}" text-anchor="middle">${text}</text>`,
  );
  const bars = rows.map(({ name, values }, r) => {
    let from = 0;
    const pieces = values.map((value, p) => {
      const begin = from;
      from += value;
      return html`<rect class="p${p}" x="${at(begin)}" width="${Math.max(0, at(from) - at(begin))}" y="${8 + r * ROW}" height="${ROW - 7}"><title>${`${name}: ${parts[p] ?? ""} ${Math.round(value)} ${unit}`}</title></rect>`;
    });
    return html`<text x="${LEFT - 8}" y="${8 + r * ROW + 13}" text-anchor="end">${name}</text>${pieces}`;
  });
  return html`<figure><figcaption>${title}</figcaption>
<svg viewBox="0 0 ${WIDTH} ${bottom + 42}" role="img" aria-label="${title}"><g class="axes">${ticks}<text x="${(LEFT + RIGHT) / 2}" y="${bottom + 36}" text-anchor="middle">${unit}</text></g><g class="bars">${bars}</g></svg>
<p class="legend">${parts.map((part, p) => html`<span><svg viewBox="0 0 12 12" class="bars box" aria-hidden="true"><rect class="p${p}" width="12" height="12"/></svg>${part}</span>`)}</p></figure>`;
}
