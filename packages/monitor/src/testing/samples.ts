import { StrainflowError } from "@strainflow/series";
import { averages } from "../averages.ts";
import type { ModelCounters } from "../model-counters.ts";
import type { AwaySample, ClientSample, ModelActivity, ServerSample } from "../monitor-sample.ts";

/** A model's counters: so many requests of batch `batch`, each 1 ms long. */
export function activity(
  model: string,
  requests: number,
  more: Partial<ModelActivity> & { readonly batch?: number } = {},
): ModelActivity {
  const { batch = 1, ...rest } = more;
  const counters: ModelCounters = {
    requests,
    failures: 0,
    inferences: requests * batch,
    executions: requests,
    requestUs: requests * 1000,
    queueUs: requests * 100,
    computeInputUs: requests * 200,
    computeInferUs: requests * 500,
    computeOutputUs: requests * 200,
  };
  return {
    model,
    version: "1",
    counters,
    reset: false,
    averages: averages(counters, 1),
    stepOf: [],
    ...rest,
  };
}

export function served(models: readonly ModelActivity[], more: Partial<ServerSample> = {}): ServerSample {
  return {
    kind: "server",
    server: "triton-1:8002",
    host: "triton-1",
    timestampMs: 1_763_736_700_123,
    elapsedSeconds: 1,
    models,
    unreadableLines: 0,
    ...more,
  };
}

export function away(server: string): AwaySample {
  const error = new StrainflowError(
    "metrics-unreachable",
    `http://${server}/metrics cannot be reached (so it goes)`,
  );
  return { kind: "away", server, host: server, timestampMs: 1_763_736_701_000, awaySeconds: 3, error };
}

export const client: ClientSample = {
  kind: "client",
  client: "h1",
  timestampMs: 1_763_736_700_500,
  latency: { count: 12, p50Ms: 1.5, p90Ms: 2, p99Ms: 9, p999Ms: 1200 },
};
