// What rounds of all sides come to: lines against each peer, and a table with a column for each side.
import { median, outcome } from "../pairs.mjs";
import { figure } from "../table.mjs";
import { HERMES, OURS, PERF_ANALYZER, TRITONCLIENT } from "./sides.mjs";

const METRICS = [
  { key: "cpuMicroseconds", name: "client CPU", unit: "µs/update", cost: true },
  { key: "updatesPerSecond", name: "updates/s", unit: "updates/s", cost: false },
  { key: "p50Ms", name: "p50", unit: "ms", cost: true },
  { key: "p99Ms", name: "p99", unit: "ms", cost: true },
];

/* Ratios of which more is better: half of hermes' CPU is a ratio of 2. */
const GOALS = {
  [HERMES]: { cpuMicroseconds: 2, updatesPerSecond: 1.2, p99Ms: 1 },
  [PERF_ANALYZER]: { cpuMicroseconds: 1 / 1.1 },
  [TRITONCLIENT]: {},
};

/**
 * Lines of one cell: each of our transports against each peer.
 *
 * @param rounds what each side measured, by side; a side that failed is not in it
 * @param notes why a peer is absent, by peer; and under `all` what is to be known of every line
 */
export function linesOf({ title, rounds, goals, notes }) {
  const lines = [];
  for (const [transport, own] of Object.entries(OURS))
    for (const [peer, goalOf] of Object.entries(GOALS))
      for (const { key, name, unit, cost } of METRICS) {
        const samples = rounds.flatMap((round) => {
          const [ours, theirs] = [round[own]?.[key], round[peer]?.[key]];
          if (ours === undefined) return [];
          return theirs === undefined ? [{ ours }] : [{ ours, theirs }];
        });
        const paired = samples.filter(({ theirs }) => theirs !== undefined);
        const words = [notes[peer], notes.all].filter(Boolean).join("; ");
        lines.push({
          ...outcome({
            name: `peers/${title}, ${name} by ${transport}`,
            unit,
            against: peer,
            samples: paired.length > 0 ? paired : samples,
            goal: goals ? (goalOf[key] ?? null) : null,
            cost,
            ...(words === "" ? {} : { note: words }),
          }),
          // Of the rest there are hundreds, which a busy machine moves up and down.
          baseline: key === "cpuMicroseconds" && peer === HERMES,
          cell: title,
          metric: name,
          transport,
        });
      }
  return lines;
}

/** The line that says that there was nothing to measure against, or on. */
export function absentLine(note) {
  const nothing = { value: null, ratio: null, goal: null, met: null, samples: [] };
  return { name: "peers", unit: "updates/s", against: [HERMES, PERF_ANALYZER].join(", "), ...nothing, note };
}

/** A row for each cell and metric, a column for each side; below it each required ratio, met or not. */
export function renderPeers(lines) {
  const sides = [HERMES, TRITONCLIENT, PERF_ANALYZER, OURS["grpc-js"], OURS.frames];
  const rows = [["", "", ...sides]];
  for (const cell of new Set(lines.map((line) => line.cell)))
    for (const { name, unit } of METRICS) {
      const of = lines.filter((line) => line.cell === cell && line.metric === name);
      const value = (side) => {
        const line = of.find(({ against, transport }) => against === side || OURS[transport] === side);
        const isOurs = line !== undefined && OURS[line.transport] === side;
        const values = (line?.samples ?? []).map(({ ours, theirs }) => (isOurs ? ours : theirs));
        return values.length > 0 && values[0] !== undefined ? figure(median(values)) : "–";
      };
      rows.push([cell, `${name}${unit === name ? "" : `, ${unit}`}`, ...sides.map(value)]);
    }
  const required = [["required", "against", "ratio", "goal", ""]];
  for (const { name, against, ratio, goal, met } of lines)
    if (goal !== null)
      required.push([name, against, figure(ratio), figure(goal), met === null ? "?" : met ? "✓" : "✗"]);
  const notes = [...new Set(lines.flatMap(({ note }) => note ?? []))];
  return [aligned(rows, 2), "", aligned(required, 2), "", ...notes].join("\n");
}

/** Rows with columns in line: numbers, from column `first` on, to the right. */
function aligned(rows, first) {
  const widths = rows[0].map((_, c) => Math.max(...rows.map((row) => row[c].length)));
  return rows
    .map((row) =>
      row
        .map((cell, c) => (c < first ? cell.padEnd(widths[c]) : cell.padStart(widths[c])))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
