import { type Html, html } from "@strainflow/page";

const WIDTH = 160;
const HEIGHT = 28;

/**
 * A small curve, from zero up to its largest value; where there was nothing it has a hole.
 *
 * @param values oldest first
 * @param name for those who do not see it
 */
export function curve(values: readonly (number | undefined)[], name: string): Html {
  const largest = values.reduce<number>((most, value) => Math.max(most, value ?? 0), 0);
  const step = WIDTH / Math.max(1, values.length - 1);
  const parts: string[] = [];
  let isDrawn = false;
  for (const [i, value] of values.entries()) {
    if (value !== undefined) {
      const y = HEIGHT - 1 - (largest > 0 ? (value / largest) * (HEIGHT - 2) : 0);
      // A point alone is a line of no length, which round ends make visible.
      parts.push(`${isDrawn ? "L" : "M"}${(i * step).toFixed(1)} ${y.toFixed(1)}${isDrawn ? "" : "h0"}`);
    }
    isDrawn = value !== undefined;
  }
  return html`<svg role="img" aria-label="${name}, last ${values.length} intervals" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}"><path d="${parts.join("")}"/></svg>`;
}
