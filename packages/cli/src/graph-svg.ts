import type { GraphEdge, GraphNode, PipelineGraph } from "./pipeline-graph.ts";
import { wrapText } from "./table.ts";

const MARGIN = 24;
const BOX = { width: 400, padding: 14, line: 18, chars: 52 } as const;
const SIDE = { x: MARGIN + BOX.width + 56, width: 256, chars: 34 } as const;
const WIDTH = SIDE.x + SIDE.width + MARGIN;
/** Arrows leave and reach the boxes here. */
const SPINE = MARGIN + 56;
/** Room below the labels of an edge, for its head. */
const HEAD = 16;

/** A pipeline as an SVG of its own: light or dark by the reader's system, and readable by a screen reader. */
export function graphSvg({ title, nodes, edges, summary }: PipelineGraph): string {
  const parts: string[] = [];
  let y = MARGIN + 28;
  nodes.forEach((node, i) => {
    const height = drawNode(parts, node, y);
    y += height;
    const edge = edges[i];
    if (edge !== undefined) y += drawEdge(parts, edge, y);
  });
  y += 34;
  parts.push(text(MARGIN, y, "fact", summary));
  const height = y + MARGIN;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title summary">`,
    `<title id="title">${escaped(title)}</title>`,
    `<desc id="summary">${escaped(`${nodes.map(({ name }) => name).join(" → ")}. ${summary}`)}</desc>`,
    `<style>${STYLE}</style>`,
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto-start-reverse"><path class="head" d="M0 0 8 4 0 8z"/></marker></defs>',
    `<rect class="page" width="${WIDTH}" height="${height}"/>`,
    text(MARGIN, MARGIN + 8, "title", title),
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

function drawNode(parts: string[], node: GraphNode, y: number): number {
  const lines = wrapText(node.text, BOX.chars);
  const waits = node.waits === undefined ? [] : [node.waits];
  const beside =
    node.beside === undefined ? [] : node.beside.lines.flatMap((line) => wrapText(line, SIDE.chars));
  const heads = node.beside === undefined ? [] : wrapText(node.beside.title, SIDE.chars);
  const own = 1 + lines.length + waits.length;
  const height = Math.max(own, beside.length + heads.length) * BOX.line + 2 * BOX.padding - 4;
  parts.push(`<rect class="box" x="${MARGIN}" y="${y}" width="${BOX.width}" height="${height}" rx="6"/>`);
  const at = (row: number): number => y + BOX.padding + 10 + row * BOX.line;
  const left = MARGIN + BOX.padding;
  parts.push(text(left, at(0), "name", node.name));
  lines.forEach((line, i) => {
    parts.push(text(left, at(1 + i), "text", line));
  });
  for (const line of waits) parts.push(text(left, at(1 + lines.length), "wait", line));
  if (node.beside === undefined) return height;
  const middle = y + height / 2;
  parts.push(
    `<rect class="side" x="${SIDE.x}" y="${y}" width="${SIDE.width}" height="${height}" rx="6"/>`,
    `<path class="line" marker-start="url(#head)" marker-end="url(#head)" d="M${MARGIN + BOX.width + 2} ${middle}H${SIDE.x - 2}"/>`,
  );
  heads.forEach((line, i) => {
    parts.push(text(SIDE.x + BOX.padding, at(i), "name", line));
  });
  beside.forEach((line, i) => {
    parts.push(text(SIDE.x + BOX.padding, at(heads.length + i), "text", line));
  });
  return height;
}

function drawEdge(parts: string[], { tensors, facts }: GraphEdge, y: number): number {
  const labels = [...tensors, facts];
  const height = labels.length * BOX.line + HEAD + 6;
  parts.push(`<path class="line" marker-end="url(#head)" d="M${SPINE} ${y}V${y + height - 1}"/>`);
  labels.forEach((label, i) => {
    parts.push(text(SPINE + 16, y + 20 + i * BOX.line, i < tensors.length ? "tensor" : "fact", label));
  });
  return height;
}

function text(x: number, y: number, kind: string, content: string): string {
  return `<text class="${kind}" x="${x}" y="${y}">${escaped(content)}</text>`;
}

function escaped(content: string): string {
  return content.replace(
    /[&<>"]/g,
    (character) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[character] ?? "",
  );
}

const STYLE = `
:root { --page: #ffffff; --ink: #1b1f24; --quiet: #57606a; --edge: #8c959f; --box: #f6f8fa; --side: #eaf2fb; --wait: #8a4600; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14171c; --ink: #e8ebef; --quiet: #a3abb5; --edge: #6a737d; --box: #1e232a; --side: #1b2a3b; --wait: #f0a95a; }
}
.page { fill: var(--page); }
.box { fill: var(--box); stroke: var(--edge); }
.side { fill: var(--side); stroke: var(--edge); }
.line { fill: none; stroke: var(--edge); stroke-width: 1.5; }
.head { fill: var(--edge); }
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: var(--ink); }
.title, .name { font-weight: 600; }
.title { font-size: 16px; }
.tensor { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 12px; }
.fact { fill: var(--quiet); font-variant-numeric: tabular-nums; }
.wait { fill: var(--wait); }
`;
