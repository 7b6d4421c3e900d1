import type { ModelStatistics } from "@strainflow/proto";
import type { Generator } from "./generator.ts";
import type { LevelResult } from "./level-result.ts";
import type { Load } from "./load.ts";
import type { Job } from "./run-shots.ts";
import type { SampleBatch } from "./sample-log.ts";
import { serverFigures } from "./server-figures.ts";
import { summarizeLevel } from "./summarize-level.ts";
import { isSteady, STEADY_WINDOWS, type Window, windowOf } from "./window.ts";

/** How long and how carefully each load is measured. */
export interface MeasureOptions {
  /** Milliseconds of load before anything counts. Default 1000: connections, caches and compilers settle in it. */
  readonly warmupMs?: number;
  /** Milliseconds of a window. Default 2000; a window goes on for up to five times that if it has too few answers. */
  readonly windowMs?: number;
  /** Answers that a window should have. Default 20. */
  readonly windowRequests?: number;
  /** Windows at most. Default 10, as in perf_analyzer. */
  readonly maxWindows?: number;
  /** How far the last three windows may lie from their mean, as a share. Default 0.1, as in perf_analyzer. */
  readonly stability?: number;
  /** The percentile of latency that has to be level. Default: the goal's, else the mean. */
  readonly stablePercentile?: number;
  /** Milliseconds that are waited for answers when a load ends. Default 5000. */
  readonly drainMs?: number;
}

export type MeasureRules = Required<Omit<MeasureOptions, "stablePercentile">> & {
  readonly stablePercentile: number | undefined;
};

export interface Subject {
  readonly generators: readonly Generator[];
  readonly counters: () => Promise<readonly ModelStatistics[] | undefined>;
  readonly modelName: string;
  readonly batchSize: number;
}

export interface LevelProgress {
  readonly load: Load;
  /** 0 while it is warming up. */
  readonly window: number;
  readonly maxWindows: number;
  /** The last window. */
  readonly last?: Window;
}

interface LevelRun {
  readonly load: Load;
  readonly rules: MeasureRules;
  readonly job: Pick<Job, "seed" | "maxInFlight" | "sequences">;
  readonly goalPercentile: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (progress: LevelProgress) => void;
}

/** From now until the first request, so that all generators begin together, in milliseconds. */
const LEAD_MS = 20;

/** A window that has too few answers goes on for so many of its lengths. */
const STRETCH = 5;

/** Puts one load on, until three windows agree; nothing if it was stopped before there was a window. */
export async function measureLevel(subject: Subject, run: LevelRun): Promise<LevelResult | undefined> {
  const { load, rules, signal, onProgress } = run;
  const { generators, counters } = subject;
  // With a concurrency below the number of processes, some have nothing to do.
  const active = load.kind === "concurrency" ? generators.slice(0, load.concurrency) : generators;
  const windows: Window[] = [];
  const seen: (readonly SampleBatch[])[] = [];
  const told: (readonly ModelStatistics[] | undefined)[] = [];
  const { maxWindows } = rules;
  const tell = (): void => {
    const last = windows.at(-1);
    onProgress({ load, window: windows.length, maxWindows, ...(last === undefined ? {} : { last }) });
  };
  const startAt = performance.timeOrigin + performance.now() + LEAD_MS;
  let steady = false;
  let last: readonly SampleBatch[] = [];
  try {
    await Promise.all(
      active.map((generator, index) =>
        generator.start({ ...run.job, load, index, of: active.length, startAt }),
      ),
    );
    tell();
    await wait(rules.warmupMs + LEAD_MS, signal);
    await Promise.all(active.map((generator) => generator.take()));
    told.push(await counters());
    while (windows.length < maxWindows && !isStopped(signal)) {
      const batches = await watch(active, rules, signal);
      told.push(await counters());
      // What Ctrl-C left of a window counts only where there is no whole one.
      if (isStopped(signal) && windows.length > 0) break;
      seen.push(batches);
      windows.push(windowOf(batches, rules.stablePercentile));
      tell();
      steady = isSteady(windows, rules.stability);
      if (steady) break;
    }
  } finally {
    const drainMs = signal?.aborted === true ? Math.min(1000, rules.drainMs) : rules.drainMs;
    last = await Promise.all(active.map((generator) => generator.stop(drainMs)));
  }
  if (windows.length === 0) return undefined;
  const first = Math.max(0, windows.length - STEADY_WINDOWS);
  return summarizeLevel({
    load,
    steady,
    windows,
    spans: active.map((_, g) => seen.slice(first).map((batches) => batches[g]!)),
    last,
    batchSize: subject.batchSize,
    goalPercentile: run.goalPercentile,
    server: serverFigures(subject.modelName, told[first], told[windows.length]),
  });
}

/** One window, of each generator. */
async function watch(
  generators: readonly Generator[],
  { windowMs, windowRequests }: MeasureRules,
  signal: AbortSignal | undefined,
): Promise<readonly SampleBatch[]> {
  const parts: SampleBatch[][] = generators.map(() => []);
  let answered = 0;
  for (let stretch = 0; stretch < STRETCH; stretch++) {
    await wait(windowMs, signal);
    const batches = await Promise.all(generators.map((generator) => generator.take()));
    batches.forEach((batch, g) => {
      parts[g]?.push(batch);
      answered += batch.outcome.length;
    });
    if (answered >= windowRequests || signal?.aborted === true) break;
  }
  return parts.map(joined);
}

function joined(batches: readonly SampleBatch[]): SampleBatch {
  const [first] = batches;
  const last = batches.at(-1);
  if (first === undefined || last === undefined || first === last) return first!;
  const floats = (pick: (batch: SampleBatch) => Float64Array): Float64Array =>
    Float64Array.from(batches.flatMap((batch) => [...pick(batch)]));
  const marks = (pick: (batch: SampleBatch) => Uint8Array): Uint8Array =>
    Uint8Array.from(batches.flatMap((batch) => [...pick(batch)]));
  const errors = new Map<string, number>();
  for (const batch of batches)
    for (const [message, count] of batch.errors) errors.set(message, (errors.get(message) ?? 0) + count);
  const lengthMs = last.until - first.from;
  return {
    from: first.from,
    until: last.until,
    intended: floats((batch) => batch.intended),
    sent: floats((batch) => batch.sent),
    done: floats((batch) => batch.done),
    outcome: marks((batch) => batch.outcome),
    held: marks((batch) => batch.held),
    responses: batches.reduce((sum, { responses }) => sum + responses, 0),
    sendBusyMs: batches.reduce((sum, { sendBusyMs }) => sum + sendBusyMs, 0),
    utilization:
      batches.reduce((sum, { utilization, from, until }) => sum + utilization * (until - from), 0) / lengthMs,
    errors,
    wrongs: batches.flatMap(({ wrongs }) => wrongs),
  };
}

function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end, { once: true });
  });
}

/** Asked anew each time: it changes while we wait. */
function isStopped(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
