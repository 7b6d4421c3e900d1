import { type Html, html } from "@strainflow/page";
import type { Scale } from "./scale.ts";

export interface ChartLine {
  readonly name: string;
  /** Which subject's colour. */
  readonly colour: number;
  /** Told apart without colour too. */
  readonly dash: "solid" | "dashed" | "dotted";
  readonly points: readonly { readonly x: number; readonly y: number; readonly title: string }[];
}

export interface LineChart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly x: Scale;
  readonly y: Scale;
  readonly lines: readonly ChartLine[];
  /** A limit, drawn across. */
  readonly goal?: { readonly value: number; readonly text: string };
}

const WIDTH = 520;
const HEIGHT = 300;
const BOX = { left: 58, right: WIDTH - 14, top: 14, bottom: HEIGHT - 44 } as const;
const DASHES = { solid: "", dashed: "7 4", dotted: "2 4" } as const;

/** A drawing of lines over an axis, each point with its figures when it is pointed at. */
export function lineChart(chart: LineChart): Html {
  const px = (value: number): number => round(BOX.left + chart.x.place(value) * (BOX.right - BOX.left));
  const py = (value: number): number => round(BOX.bottom - chart.y.place(value) * (BOX.bottom - BOX.top));
  const lines = chart.lines.map(({ name, colour, dash, points }) => {
    const drawn = points.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y));
    const path = drawn.map(({ x, y }) => `${px(x)},${py(y)}`).join(" ");
    return html`<g class="line c${colour}" aria-label="${name}"><polyline points="${path}" stroke-dasharray="${DASHES[dash]}"/>${drawn.map(
      ({ x, y, title }) =>
        html`<g class="point"><circle cx="${px(x)}" cy="${py(y)}" r="9" class="touch"/>${marker(colour, px(x), py(y))}<title>${title}</title></g>`,
    )}</g>`;
  });
  const { goal } = chart;
  return html`<figure><figcaption>${chart.title}</figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${chart.title}">${grid(chart, px, py)}${
    goal === undefined || !(chart.y.place(goal.value) <= 1)
      ? undefined
      : html`<g class="goal"><line x1="${BOX.left}" x2="${BOX.right}" y1="${py(goal.value)}" y2="${py(goal.value)}"/><text x="${BOX.right}" y="${py(goal.value) - 4}" text-anchor="end">${goal.text}</text></g>`
  }${lines}</svg>
${legend(chart.lines)}</figure>`;
}

function grid(
  { x, y, xLabel, yLabel }: LineChart,
  px: (value: number) => number,
  py: (value: number) => number,
): Html {
  const across = y.ticks.map(
    ({ value, text }) =>
      html`<line x1="${BOX.left}" x2="${BOX.right}" y1="${py(value)}" y2="${py(value)}"/><text x="${BOX.left - 7}" y="${py(value) + 4}" text-anchor="end">${text}</text>`,
  );
  const below = x.ticks.map(
    ({ value, text }) =>
      html`<line x1="${px(value)}" x2="${px(value)}" y1="${BOX.bottom}" y2="${BOX.bottom + 4}"/><text x="${px(value)}" y="${BOX.bottom + 17}" text-anchor="middle">${text}</text>`,
  );
  const middle = (BOX.top + BOX.bottom) / 2;
  return html`<g class="axes">${across}${below}<text x="${(BOX.left + BOX.right) / 2}" y="${HEIGHT - 6}" text-anchor="middle">${xLabel}</text><text x="10" y="${middle}" text-anchor="middle" transform="rotate(-90 10 ${middle})">${yLabel}</text></g>`;
}

/** Subjects have shapes beside their colours: a dot, a square, a diamond, a bar. */
function marker(colour: number, x: number, y: number): Html {
  if (colour === 0) return html`<circle class="mark" cx="${x}" cy="${y}" r="3.5"/>`;
  const [width, height] = colour === 3 ? [3, 10] : [7, 7];
  const turn = colour === 2 ? `rotate(45 ${x} ${y})` : "";
  return html`<rect class="mark" x="${round(x - width / 2)}" y="${round(y - height / 2)}" width="${width}" height="${height}" transform="${turn}"/>`;
}

/** One entry per line; where there is only one, its name is in the title. */
function legend(lines: readonly ChartLine[]): Html | undefined {
  if (lines.length < 2) return undefined;
  return html`<p class="legend">${lines.map(
    ({ name, colour, dash }) =>
      html`<span><svg viewBox="0 0 28 10" class="c${colour}" aria-hidden="true"><line x1="0" x2="28" y1="5" y2="5" stroke-dasharray="${DASHES[dash]}"/>${marker(colour, 14, 5)}</svg>${name}</span>`,
  )}</p>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
