import { availableParallelism } from "node:os";
import { invalidOption } from "@strainflow/series";
import { bisect, meetsGoal } from "./find-goal.ts";
import type { LevelResult } from "./level-result.ts";
import { checkLoad, type Load } from "./load.ts";
import type { LoadTestOptions } from "./load-test-options.ts";
import type { LoadTestResult } from "./load-test-result.ts";
import { type MeasureRules, measureLevel } from "./measure-level.ts";
import { checkWhole, type OpenSubject, openSubject } from "./open-subject.ts";

/**
 * Puts loads on a model or an HTTP handler, one after the other, and measures each until three windows agree.
 *
 * @throws `invalid-option`, `loadtest-input` (data that do not fit the model), `loadtest-generator`, and what the client
 *   throws where the server cannot be reached or has no such model. Requests that fail are counted, not thrown.
 *
 * @example
 * ```ts
 * const result = await loadTest({
 *   target: { server: "grpc://127.0.0.1:8001", model: "net", check: "first" },
 *   loads: concurrencies({ start: 1, end: 16 }),
 *   goal: { percentile: 99, latencyMs: 20 },
 * });
 * console.log(result.best === undefined ? "none" : loadText(result.levels[result.best].load));
 * ```
 */
export async function loadTest(options: LoadTestOptions): Promise<LoadTestResult> {
  const rules = measureRules(options);
  const startedUtc = new Date().toISOString();
  const subject = await openSubject(options);
  try {
    return await runLoads(subject, rules, startedUtc, options);
  } finally {
    await subject.close();
  }
}

async function runLoads(
  subject: OpenSubject,
  rules: MeasureRules,
  startedUtc: string,
  options: LoadTestOptions,
): Promise<LoadTestResult> {
  const { loads, signal, goal, search = "binary" } = options;
  const percentile = goal === undefined ? undefined : (goal.percentile ?? 99);
  const levels: LevelResult[] = [];

  async function measure(load: Load): Promise<LevelResult | undefined> {
    if (signal?.aborted === true) return undefined;
    const level = await measureLoad(subject, load, rules, percentile, options);
    if (level === undefined) return undefined;
    levels.push(level);
    options.onLevel?.(level, subject.facts);
    return level;
  }

  let best: number | undefined;
  const holds = async (index: number): Promise<boolean | undefined> => {
    const level = await measure(loads[index]!);
    if (level === undefined || goal === undefined) return undefined;
    const good = meetsGoal(level, goal.latencyMs);
    if (good) best = levels.length - 1;
    return good;
  };
  if (goal !== undefined && search === "binary") await bisect(loads.length, holds);
  else
    for (let i = 0; i < loads.length; i++) {
      const good = await holds(i);
      if (signal?.aborted === true || (goal !== undefined && good !== true)) break;
    }
  return {
    subject: subject.facts,
    startedUtc,
    ...(goal === undefined || percentile === undefined
      ? {}
      : { goal: { percentile, latencyMs: goal.latencyMs } }),
    levels,
    ...(best === undefined ? {} : { best }),
    stopped: signal?.aborted === true,
  };
}

/** One load; where one process is too slow for it and may have help, once more with more of them. */
async function measureLoad(
  subject: OpenSubject,
  load: Load,
  rules: MeasureRules,
  goalPercentile: number | undefined,
  options: LoadTestOptions,
): Promise<LevelResult | undefined> {
  const { processes = 1, signal, seed = 1, maxInFlight = 1024, target } = options;
  const sequences =
    target.url !== undefined || typeof target.sequences !== "object"
      ? DEFAULT_SEQUENCES
      : target.sequences.count;
  const most = processes === "auto" ? availableParallelism() : processes;
  for (let count = processes === "auto" ? 1 : processes; ; count = Math.min(most, 2 * count)) {
    const level = await measureLevel(await subject.withGenerators(count), {
      load,
      rules,
      job: { seed, maxInFlight: Math.ceil(maxInFlight / count), sequences: sequences ?? DEFAULT_SEQUENCES },
      goalPercentile,
      signal,
      onProgress: options.onProgress ?? (() => undefined),
    });
    const enough = level?.generator.bottleneck === undefined || count >= most || signal?.aborted === true;
    if (enough) return level;
  }
}

const DEFAULT_SEQUENCES = 4;

function measureRules(options: LoadTestOptions): MeasureRules {
  const { loads, goal, processes, maxInFlight = 1, timeoutMs = 1, search } = options;
  if (loads.length === 0) throw invalidOption("loadTest", "loads", "empty", "one load or more");
  for (const load of loads) checkLoad(load);
  const percentile = (option: string, value: number): void => {
    if (!(value > 0 && value <= 100))
      throw invalidOption("loadTest", option, value, "above 0 and at most 100, as 99 or 99.9");
  };
  if (goal !== undefined) {
    if (!(goal.latencyMs > 0)) throw invalidOption("loadTest", "goal.latencyMs", goal.latencyMs, "above 0");
    percentile("goal.percentile", goal.percentile ?? 99);
    if (search !== "linear") checkRising(loads);
  }
  if (processes !== undefined && processes !== "auto") checkWhole("processes", processes, 1);
  checkWhole("maxInFlight", maxInFlight, 1);
  if (!(timeoutMs > 0)) throw invalidOption("loadTest", "timeoutMs", timeoutMs, "above 0");
  const stablePercentile =
    options.stablePercentile ?? (goal === undefined ? undefined : (goal.percentile ?? 99));
  if (stablePercentile !== undefined) percentile("stablePercentile", stablePercentile);
  const rules = {
    warmupMs: options.warmupMs ?? 1000,
    windowMs: options.windowMs ?? 2000,
    windowRequests: options.windowRequests ?? 20,
    maxWindows: options.maxWindows ?? 10,
    stability: options.stability ?? 0.1,
    drainMs: options.drainMs ?? 5000,
  };
  checkWhole("maxWindows", rules.maxWindows, 1);
  for (const [name, value] of Object.entries(rules))
    if (!(value >= 0) || (name === "windowMs" && !(value > 0)))
      throw invalidOption("loadTest", name, value, name === "windowMs" ? "above 0" : "at least 0");
  return { ...rules, stablePercentile };
}

/** Halving finds its way only where more load means more latency. */
function checkRising(loads: readonly Load[]): void {
  const size = (load: Load): number =>
    load.kind === "concurrency" ? load.concurrency : load.kind === "rate" ? load.rate : Number.NaN;
  loads.forEach((load, i) => {
    const before = loads[i - 1];
    if (before !== undefined && !(before.kind === load.kind && size(load) > size(before)))
      throw invalidOption(
        "loadTest",
        "loads",
        "in no rising order",
        'of one kind and rising for a binary search, or search "linear"',
      );
  });
}
