import { setTimeout as pause } from "node:timers/promises";
import { parseMetrics } from "@strainflow/metrics";
import { isStrainflowError, StrainflowError } from "@strainflow/series";
import { createDeltas } from "./deltas.ts";
import { createPageFetcher } from "./fetch-page.ts";
import { knownSteps, withSteps } from "./known-steps.ts";
import { type ModelMetrics, modelMetrics } from "./model-counters.ts";
import type { MonitorSample } from "./monitor-sample.ts";
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

/** Asks a server at each interval until the signal, and gives what came of it. */
export async function watchServer(server: MonitoredServer, options: WatchOptions): Promise<void> {
  const { name, host, intervalMs, timeoutMs, once, signal, give } = options;
  const of = (timestampMs: number): { server: string; host: string; timestampMs: number } => ({
    server: name,
    host,
    timestampMs,
  });
  const fetcher = createPageFetcher(server.metrics, server.headers, server.credentials);
  const deltas = createDeltas({ fromZero: once });
  const configs = knownSteps(server, signal);
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
