// The table for people: one row per benchmark, with the change against the baseline.
import { changeOf } from "./baseline.mjs";

const HEADER = ["benchmark", "value", "unit", "against", "ratio", "goal", "baseline", ""];
const RIGHT = new Set(["value", "ratio", "goal", "baseline"]);

/** Three digits that mean something, thousands apart: `1 234 567`, `56.7`, `0.123`. */
export function figure(value) {
  if (value === null) return "–";
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en").replaceAll(",", " ");
  return Number(value.toPrecision(3)).toString();
}

/** Rows of cells, as text. */
export function rowsOf(lines, baseline) {
  return lines.map((line) => [
    line.name,
    figure(line.value),
    line.unit,
    line.against ?? "–",
    figure(line.ratio),
    line.goal === null ? "" : `${figure(line.goal)} ${line.met === null ? "?" : line.met ? "✓" : "✗"}`,
    changeOf(baseline, line),
    line.note ?? "",
  ]);
}

export function renderTable(lines, baseline) {
  const rows = [HEADER, ...rowsOf(lines, baseline)];
  const widths = HEADER.map((_, c) => Math.max(...rows.map((row) => row[c].length)));
  return rows
    .map((row) =>
      row
        .map((cell, c) => (RIGHT.has(HEADER[c]) ? cell.padStart(widths[c]) : cell.padEnd(widths[c])))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
