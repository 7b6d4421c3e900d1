import { setTimeout as pause } from "node:timers/promises";
import { isStrainflowError, StrainflowError } from "@strainflow/series";
import { averages } from "./averages.ts";
import { createDeltas, type ModelDelta } from "./deltas.ts";
import { type EnsembleStep, ensembleSteps } from "./ensemble-steps.ts";
import { createPageFetcher } from "./fetch-page.ts";
import { parseMetrics } from "./metrics-text.ts";
import { type ModelMetrics, modelMetrics } from "./model-counters.ts";
import type { ModelActivity, MonitorSample } from "./monitor-sample.ts";
import type { MonitoredServer } from "./server-address.ts";
import { type ToldClient, toldClients } from "./told-clients.ts";

/** How a server is watched. */
export interface WatchOptions {
  /** Name in the samples, and what they have as its host. */
  readonly name: string;
  readonly host: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Reads it one time only, and compares with zero. */
  readonly once: boolean;
  readonly signal: AbortSignal;
  /** Resolves when the sample was taken: nothing is asked before that. */
  readonly give: (sample: MonitorSample) => Promise<void>;
}

/** How long a server may take to tell its models' configurations, and until it is asked again after it did not. */
const STEPS_MS = 2000;
const STEPS_AGAIN_MS = 30_000;

/** Asks a server at each interval until the signal, and gives what came of it. */
export async function watchServer(server: MonitoredServer, options: WatchOptions): Promise<void> {
  const { name, host, intervalMs, timeoutMs, once, signal, give } = options;
  const of = (timestampMs: number): { server: string; host: string; timestampMs: number } => ({
    server: name,
    host,
    timestampMs,
  });
  const fetcher = createPageFetcher(server.metrics, server.headers);
  const deltas = createDeltas({ fromZero: once });
  const configs = knownSteps(server.models, signal);
  const started = performance.now();
  let answeredAt = started;

  async function ask(): Promise<void> {
    const timestampMs = Date.now();
    const askedAt = performance.now();
    let read: Reading;
    try {
      read = readModels(await fetcher.fetch({ signal, timeoutMs }), fetcher.url);
    } catch (error) {
      if (!isStrainflowError(error) || signal.aborted) throw error;
      deltas.away();
      await give({ kind: "away", ...of(timestampMs), awaySeconds: (askedAt - answeredAt) / 1000, error });
      return;
    }
    answeredAt = askedAt;
    for (const { client, latency } of read.clients)
      await give({ kind: "client", client, timestampMs, latency });
    const delta = deltas.push(read.models, askedAt);
    if (delta === undefined) {
      await give({
        kind: "seen",
        ...of(timestampMs),
        models: read.models.map(({ model, version }) => ({ model, version })),
      });
      // There is nothing to tell yet, so that there is time for the question.
      await tellSteps(timestampMs, read.models, true);
      return;
    }
    await tellSteps(timestampMs, read.models, once);
    await give({
      kind: "server",
      ...of(timestampMs),
      elapsedSeconds: delta.elapsedSeconds,
      models: withSteps(delta.models, delta.elapsedSeconds, configs.steps),
      unreadableLines: read.unreadableLines,
    });
  }

  async function tellSteps(
    timestampMs: number,
    models: readonly ModelMetrics[],
    wait: boolean,
  ): Promise<void> {
    const error = await configs.ask(models, wait);
    if (error !== undefined) await give({ kind: "no-steps", ...of(timestampMs), error });
  }

  try {
    for (let tick = 0; !signal.aborted; ) {
      await ask();
      if (once) return;
      // An interval that was missed is left out: a server that is slow is not asked faster.
      tick = Math.max(tick + 1, Math.ceil((performance.now() - started) / intervalMs));
      await pause(Math.max(0, started + tick * intervalMs - performance.now()), undefined, { signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    fetcher.close();
  }
}

interface Reading {
  readonly models: readonly ModelMetrics[];
  readonly clients: readonly ToldClient[];
  readonly unreadableLines: number;
}

function readModels(page: string, url: string): Reading {
  const text = parseMetrics(page);
  const clients = toldClients(text);
  const known =
    clients.length > 0 ||
    text.samples.some(({ name }) => name.startsWith("nv_")) ||
    [...text.families.keys()].some((name) => name.startsWith("nv_"));
  if (known) return { models: modelMetrics(text), clients, unreadableLines: text.problemCount };
  const [first] = text.problems;
  const what =
    page.trim() === ""
      ? "is empty"
      : first !== undefined && text.samples.length === 0
        ? `is no page of metrics (line ${first.line}: ${first.why})`
        : "has metrics, but none of an inference server (nv_…)";
  throw new StrainflowError(
    "metrics-unreadable",
    `${url} ${what}; Triton's own are at port 8002, path /metrics`,
    {
      details: { url },
    },
  );
}

interface KnownSteps {
  readonly steps: ReadonlyMap<string, readonly EnsembleStep[]>;
  /** Asks for models that nothing is known of. Says once what stands in the way. */
  ask(models: readonly ModelMetrics[], wait: boolean): Promise<StrainflowError | undefined>;
}

function knownSteps(address: string | undefined, signal: AbortSignal): KnownSteps {
  const steps = new Map<string, readonly EnsembleStep[]>();
  let asking: Promise<void> | undefined;
  let notBefore = 0;
  let problem: StrainflowError | undefined;
  let told = false;
  return {
    steps,
    async ask(models, wait) {
      const names = [...new Set(models.map(({ model }) => model))];
      // A model that was unloaded may come back as another.
      for (const name of steps.keys()) if (!names.includes(name)) steps.delete(name);
      const unknown = names.filter((name) => !steps.has(name));
      if (address !== undefined && unknown.length > 0 && performance.now() >= notBefore)
        asking ??= ensembleSteps(address, unknown, { timeoutMs: STEPS_MS, signal })
          .then((found) => {
            for (const [name, own] of found) steps.set(name, own);
            if (found.size < unknown.length) notBefore = performance.now() + STEPS_AGAIN_MS;
          })
          .catch((error: unknown) => {
            notBefore = performance.now() + STEPS_AGAIN_MS;
            if (isStrainflowError(error, "models-unreachable")) problem ??= error;
            else if (!signal.aborted) throw error;
          })
          .finally(() => {
            asking = undefined;
          });
      if (wait) await asking;
      else asking?.catch(() => undefined);
      if (told || problem === undefined) return undefined;
      told = true;
      return problem;
    },
  };
}

/** Each model with what it consists of, and what it is part of. */
function withSteps(
  models: readonly ModelDelta[],
  elapsedSeconds: number,
  steps: ReadonlyMap<string, readonly EnsembleStep[]>,
): ModelActivity[] {
  const versions = new Map<string, string>();
  for (const { model, version } of models)
    if (!(Number(versions.get(model)) > Number(version))) versions.set(model, version);
  return models.map((delta) => {
    const own = steps.get(delta.model) ?? [];
    const stepOf = [...steps]
      .filter(([, list]) =>
        list.some(
          ({ model, version }) =>
            model === delta.model && (version < 0 ? versions.get(model) : String(version)) === delta.version,
        ),
      )
      .map(([ensemble]) => ensemble)
      .sort();
    return {
      ...delta,
      averages: averages(delta.counters, elapsedSeconds),
      ...(own.length === 0 ? {} : { steps: own.map(({ model }) => model) }),
      stepOf,
    };
  });
}
