import type { LevelResult } from "./level-result.ts";

/** Whether a load met the goal: in time, all answered, and all right. */
export function meetsGoal(level: LevelResult, latencyMs: number): boolean {
  const { goalMs = Number.POSITIVE_INFINITY, failed, wrong, unanswered } = level;
  return goalMs <= latencyMs && failed === 0 && wrong === 0 && unanswered === 0;
}

/**
 * The highest of `count` loads, in rising order, that holds: the lowest is tried first, then the highest, then halves.
 *
 * @param holds tries one; `undefined` ends the search
 */
export async function bisect(
  count: number,
  holds: (index: number) => Promise<boolean | undefined>,
): Promise<number | undefined> {
  let best: number | undefined;
  const first = count === 0 ? undefined : await holds(0);
  if (first !== true) return undefined;
  best = 0;
  if (count === 1) return best;
  const last = await holds(count - 1);
  if (last === undefined) return best;
  if (last) return count - 1;
  let below = 0;
  let above = count - 1;
  while (above - below > 1) {
    const middle = Math.floor((below + above) / 2);
    const good = await holds(middle);
    if (good === undefined) break;
    if (good) {
      below = middle;
      best = middle;
    } else above = middle;
  }
  return best;
}
