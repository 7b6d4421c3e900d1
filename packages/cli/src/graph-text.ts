import type { PipelineGraph } from "./pipeline-graph.ts";
import { wrapText } from "./table.ts";

/** Widest box, in characters: beyond it lines are harder to read. */
const MOST = 76;

/** A pipeline in box-drawing characters, at most `columns` wide. */
export function graphLines({ nodes, edges, summary }: PipelineGraph, columns: number): string[] {
  const width = Math.max(24, Math.min(MOST, columns - 4));
  const inner = width - 4;
  const lines: string[] = [];
  nodes.forEach(({ name, text, waits, beside }, i) => {
    const edge = edges[i];
    const title = `─ ${name} `;
    lines.push(`  ┌${title}${"─".repeat(width - 2 - title.length)}┐`);
    const body = [
      ...wrapText(text, inner),
      ...(waits === undefined ? [] : [waits]),
      ...(beside === undefined
        ? []
        : [`⇄ ${beside.title}`, ...beside.lines.map((line) => `  ${line}`)].flatMap((line) =>
            line.length <= inner ? [line] : wrapText(line.trim(), inner - 2).map((part) => `  ${part}`),
          )),
    ];
    for (const line of body) lines.push(`  │ ${line.padEnd(inner)} │`);
    lines.push(`  └────${edge === undefined ? "─" : "┬"}${"─".repeat(width - 7)}┘`);
    if (edge === undefined) return;
    for (const label of [...edge.tensors, edge.facts])
      for (const line of wrapText(label, width - 8)) lines.push(`       │  ${line}`);
    lines.push("       ▼");
  });
  return [...lines, "", ...wrapText(summary, columns - 2).map((line) => `  ${line}`)];
}
