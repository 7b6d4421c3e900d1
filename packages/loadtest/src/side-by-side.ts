import { loadTest } from "./load-test.ts";
import type { LoadTestOptions } from "./load-test-options.ts";
import type { LoadTestResult } from "./load-test-result.ts";

/**
 * The same test of several servers or handlers, by turns: each load on all of them before the next one, so that what
 * changes on the machine meanwhile meets them all alike. With a goal, one after the other, since each leads its own search.
 *
 * @returns one result per target, in their order
 * @throws what `loadTest` throws
 */
export async function loadTestSideBySide(
  targets: readonly LoadTestOptions["target"][],
  options: Omit<LoadTestOptions, "target">,
): Promise<LoadTestResult[]> {
  if (options.goal !== undefined || options.loads.length <= 1 || targets.length <= 1) {
    const results: LoadTestResult[] = [];
    for (const target of targets) {
      if (results.length > 0 && options.signal?.aborted === true) break;
      results.push(await loadTest({ ...options, target }));
    }
    return results;
  }
  const results: LoadTestResult[] = [];
  for (const load of options.loads) {
    for (const [place, target] of targets.entries()) {
      if (results.length > 0 && options.signal?.aborted === true) break;
      const part = await loadTest({ ...options, target, loads: [load] });
      const before = results[place];
      results[place] =
        before === undefined
          ? part
          : { ...before, levels: [...before.levels, ...part.levels], stopped: part.stopped };
    }
  }
  return results;
}
