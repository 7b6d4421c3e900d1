import { histogramQuantiles } from "./histogram-quantiles.ts";
import {
  type CounterName,
  counterNames,
  type ModelCounters,
  type ModelMetrics,
  modelKey,
  type RequestQuantiles,
} from "./model-counters.ts";

/** What a model did between two readings of its server. */
export interface ModelDelta {
  readonly model: string;
  readonly version: string;
  /** Growth of each counter; durations are sums over requests, in microseconds. */
  readonly counters: ModelCounters;
  /** The counters began anew in between (the model was loaded again): what they grew before that is unknown. */
  readonly reset: boolean;
  /** Requests that wait at the end. */
  readonly pending?: number;
  /** As the server tells them; absent where it does not. */
  readonly quantiles?: RequestQuantiles;
}

/** What a server did between two readings. */
export interface ServerDelta {
  /** Between the readings; 0 for totals since the models were loaded. */
  readonly elapsedSeconds: number;
  readonly models: readonly ModelDelta[];
}

/** Readings in, differences out: a state machine of one server. */
export interface Deltas {
  /**
   * @param models what the server tells now
   * @param atMs when it was asked, on any clock that does not jump
   * @returns `undefined` for the first reading, which has nothing to be compared with
   */
  push(models: readonly ModelMetrics[], atMs: number): ServerDelta | undefined;
  /** The server did not answer: it may come back as another process. */
  away(): void;
}

export interface DeltaOptions {
  /** Compares the first reading with zero, which gives totals since the models were loaded. Default: not. */
  readonly fromZero?: boolean;
}

/**
 * Differences between readings of one server.
 *
 * - A model that was quiet has a difference of zeros.
 * - A counter that fell was reset: its growth is its value now, as in Prometheus' `increase`. One counter that fell
 *   resets all of its model; and, where the server was away in between, all of the server's models: it was another
 *   process then, and a busy model may have passed its old values already.
 * - A model that was not there before, on a server that was read before, has grown from zero.
 * - A model that is gone has none; when it comes back it begins at zero.
 */
export function createDeltas({ fromZero = false }: DeltaOptions = {}): Deltas {
  let before: ReadonlyMap<string, ModelMetrics> | undefined = fromZero ? new Map() : undefined;
  let beforeMs: number | undefined;
  let wasAway = false;
  return {
    push(models, atMs) {
      const last = before;
      const elapsedSeconds = beforeMs === undefined ? 0 : Math.max(0, (atMs - beforeMs) / 1000);
      before = new Map(models.map((metrics) => [modelKey(metrics.model, metrics.version), metrics]));
      beforeMs = atMs;
      const restarted =
        wasAway &&
        models.some(({ model, version, counters }) =>
          hasFallen(last?.get(modelKey(model, version))?.counters, counters),
        );
      wasAway = false;
      if (last === undefined) return undefined;
      return {
        elapsedSeconds,
        models: models.map((metrics) => {
          const { model, version, counters, pending } = metrics;
          const old = last.get(modelKey(model, version));
          const reset = old !== undefined && (restarted || hasFallen(old.counters, counters));
          const from = reset ? undefined : old;
          const quantiles = quantilesSince(from, metrics);
          return {
            model,
            version,
            counters: growth(from?.counters ?? {}, counters),
            reset,
            ...(pending === undefined ? {} : { pending }),
            ...(quantiles === undefined ? {} : { quantiles }),
          };
        }),
      };
    },
    away() {
      wasAway = true;
    },
  };
}

/** Of the interval where there is a histogram; else as the server has them. */
function quantilesSince(old: ModelMetrics | undefined, now: ModelMetrics): RequestQuantiles | undefined {
  if (now.buckets === undefined) return now.quantiles;
  const us = histogramQuantiles(old?.buckets ?? new Map(), now.buckets);
  return us.size === 0 ? undefined : { us };
}

function hasFallen(old: ModelCounters | undefined, now: ModelCounters): boolean {
  return (
    old !== undefined &&
    counterNames.some((name) => (now[name] ?? Number.POSITIVE_INFINITY) < (old[name] ?? 0))
  );
}

function growth(old: ModelCounters, now: ModelCounters): ModelCounters {
  const grown: Partial<Record<CounterName, number>> = {};
  for (const name of counterNames) {
    const value = now[name];
    if (value !== undefined) grown[name] = value - (old[name] ?? 0);
  }
  return grown;
}
