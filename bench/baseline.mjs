// What was measured before, as ratios: seconds belong to one machine, ratios between two sides of one run far less so.
import { readFile, writeFile } from "node:fs/promises";

const file = new URL("baseline.json", import.meta.url);

/** A ratio within so much of the baseline's is the same: so far apart two runs on a busy machine are. */
export const NOISE = 0.25;

/** Ratios by benchmark name. */
export async function readBaseline() {
  try {
    return JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    if (error.code === "ENOENT") return {};
    throw error;
  }
}

/** Writes a baseline; names in order, so that a change of one shows as a change of one. */
export async function writeBaseline(baseline) {
  await writeFile(file, `${JSON.stringify(baseline, null, 2)}\n`);
}

/**
 * A baseline with what was measured now in it. What was not measured, or had no peer this time, stays; a line with
 * `baseline: false` is left out.
 */
export function updatedBaseline(baseline, lines) {
  const all = { ...baseline };
  for (const { name, ratio, baseline: kept = true } of lines)
    if (kept && ratio !== null) all[name] = Number(ratio.toPrecision(3));
  return Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** How a line compares to the baseline: `+12 %`, `same`, or `new` where it has no entry yet; nothing without a ratio. */
export function changeOf(baseline, { name, ratio }) {
  if (ratio === null) return "";
  const before = Object.hasOwn(baseline, name) ? baseline[name] : undefined;
  if (before === undefined) return "new";
  const change = ratio / before - 1;
  if (Math.abs(change) <= NOISE) return "same";
  return `${change > 0 ? "+" : "−"}${Math.abs(change * 100).toFixed(0)} %`;
}
