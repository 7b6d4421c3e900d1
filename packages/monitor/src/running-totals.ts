import type { WrittenFamily, WrittenValue } from "@strainflow/metrics";
import type { Averages } from "./averages.ts";
import { type CounterName, counterNames, modelKey } from "./model-counters.ts";
import type { ClientSample, ModelActivity, MonitorSample, ServerSample } from "./monitor-sample.ts";
import { CLIENT_LATENCY, CLIENT_QUANTILES } from "./told-clients.ts";

/** Samples in, a page of metrics out: what was seen since the monitor began. */
export interface RunningTotals {
  add(sample: MonitorSample): void;
  families(): WrittenFamily[];
}

interface ModelTotals {
  readonly labels: { readonly server: string; readonly model: string; readonly version: string };
  readonly counters: Partial<Record<CounterName, number>>;
  resets: number;
  /** Of the last interval; absent once the model is gone, or its server is away. */
  now?: ModelActivity | undefined;
}

const COUNTS: readonly (readonly [CounterName, string, string])[] = [
  ["requests", "requests", "Requests that were answered"],
  ["failures", "failures", "Requests that failed"],
  ["inferences", "inferences", "Inferences: a request of batch 8 counts 8"],
  ["executions", "executions", "Times that the model ran: a batch of several requests counts 1"],
];

type DurationName = keyof Averages & CounterName;

const PHASES: readonly (readonly [DurationName, string])[] = [
  ["requestUs", "request"],
  ["queueUs", "queue"],
  ["computeInputUs", "compute_input"],
  ["computeInferUs", "compute_infer"],
  ["computeOutputUs", "compute_output"],
];

/**
 * Counters that begin at zero with the monitor and never fall, whatever the servers' own do: Prometheus' `rate` over
 * them needs no luck with restarts. Gauges are of the last interval, and are gone while a server is away.
 */
export function createRunningTotals(): RunningTotals {
  const up = new Map<string, boolean>();
  const models = new Map<string, ModelTotals>();
  const clients = new Map<string, ClientSample>();

  function totalsOf(server: string, model: string, version: string): ModelTotals {
    const key = `${server}\n${modelKey(model, version)}`;
    const known = models.get(key);
    if (known !== undefined) return known;
    const totals: ModelTotals = { labels: { server, model, version }, counters: {}, resets: 0 };
    models.set(key, totals);
    return totals;
  }

  function addServer({ server, elapsedSeconds, models: activities }: ServerSample): void {
    forgetNow(server);
    for (const activity of activities) {
      const { model, version, counters, reset } = activity;
      const totals = totalsOf(server, model, version);
      for (const name of counterNames) {
        const grown = counters[name];
        if (grown !== undefined) totals.counters[name] = (totals.counters[name] ?? 0) + grown;
      }
      if (reset) totals.resets++;
      totals.now = elapsedSeconds > 0 ? activity : undefined;
    }
  }

  function forgetNow(server: string): void {
    for (const totals of models.values()) if (totals.labels.server === server) totals.now = undefined;
  }

  return {
    add(sample) {
      switch (sample.kind) {
        case "client":
          clients.set(sample.client, sample);
          return;
        case "seen":
          up.set(sample.server, true);
          // From zero: a counter that begins above it would hide its first growth from Prometheus' `rate`.
          for (const { model, version } of sample.models) {
            const { counters } = totalsOf(sample.server, model, version);
            for (const [name] of COUNTS) counters[name] ??= 0;
          }
          return;
        case "away":
          up.set(sample.server, false);
          forgetNow(sample.server);
          return;
        case "server":
          up.set(sample.server, true);
          addServer(sample);
          return;
        case "no-steps":
          return;
      }
    },
    families() {
      const all = [...models.values()];
      const each = (value: (totals: ModelTotals) => readonly WrittenValue[]): WrittenValue[] =>
        all.flatMap(value);
      const perModel = (of: (totals: ModelTotals) => number | undefined): WrittenValue[] =>
        each((totals) => {
          const value = of(totals);
          return value === undefined ? [] : [{ labels: totals.labels, value }];
        });
      return [
        {
          name: "strainflow_server_up",
          type: "gauge",
          help: "Whether the server answered when it was last asked",
          values: [...up].map(([server, is]) => ({ labels: { server }, value: is ? 1 : 0 })),
        },
        ...COUNTS.map(([name, word, help]) => ({
          name: `strainflow_model_${word}_total`,
          type: "counter",
          help: `${help}, since the monitor began`,
          values: perModel(({ counters }) => counters[name]),
        })),
        {
          name: "strainflow_model_duration_seconds_total",
          type: "counter",
          help: "Sum over answered requests, since the monitor began",
          values: each(({ labels, counters }) =>
            PHASES.flatMap(([name, phase]) => {
              const us = counters[name];
              return us === undefined ? [] : [{ labels: { ...labels, phase }, value: us / 1e6 }];
            }),
          ),
        },
        {
          name: "strainflow_model_resets_total",
          type: "counter",
          help: "Times that the model's counters began anew, since the monitor began",
          values: perModel(({ resets }) => resets),
        },
        {
          name: "strainflow_model_pending_requests",
          type: "gauge",
          help: "Requests that wait",
          values: perModel(({ now }) => now?.pending),
        },
        {
          name: "strainflow_model_latency_seconds",
          type: "gauge",
          help: "Mean per answered request in the last interval",
          values: each(({ labels, now }) =>
            PHASES.flatMap(([name, phase]) => {
              const us = now?.averages[name];
              return us === undefined ? [] : [{ labels: { ...labels, phase }, value: us / 1e6 }];
            }),
          ),
        },
        {
          name: "strainflow_model_mean_batch_size",
          type: "gauge",
          help: "Inferences per execution in the last interval",
          values: perModel(({ now }) => now?.averages.batchSize),
        },
        {
          name: "strainflow_model_inferences_per_second",
          type: "gauge",
          help: "Throughput in the last interval",
          values: perModel(({ now }) => now?.averages.inferencesPerSecond),
        },
        {
          name: "strainflow_model_request_quantile_seconds",
          type: "gauge",
          help: "Quantiles of recent requests, as the server tells them",
          values: each(({ labels, now }) =>
            [...(now?.quantiles?.us ?? [])].map(([q, us]) => ({ labels: { ...labels, q }, value: us / 1e6 })),
          ),
        },
        {
          name: "strainflow_model_step_info",
          type: "gauge",
          help: "1 for each step of an ensemble",
          values: each(({ labels: { server, model }, now }) =>
            (now?.stepOf ?? []).map((ensemble) => ({ labels: { server, ensemble, model }, value: 1 })),
          ),
        },
        {
          name: CLIENT_LATENCY,
          type: "summary",
          help: "Latency from request to answer at the client",
          values: [...clients.values()].flatMap(({ client, latency }) => [
            ...CLIENT_QUANTILES.map(([quantile, name]) => ({
              labels: { client, quantile },
              value: latency[name] / 1e3,
            })),
            { suffix: "_count", labels: { client }, value: latency.count },
          ]),
        },
      ];
    },
  };
}
