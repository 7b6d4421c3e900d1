import { modelKey } from "../model-counters.ts";
import type { AwaySample, ClientSample, MonitorSample, ServerSample } from "../monitor-sample.ts";

/** A model's figures at one time; absent where nothing was asked of it. */
export interface HistoryPoint {
  readonly timestampMs: number;
  readonly inferencesPerSecond: number | undefined;
  /** Microseconds. */
  readonly requestUs: number | undefined;
}

export interface ServerHistory {
  readonly name: string;
  readonly last: ServerSample | undefined;
  /** Since when it does not answer, and why. */
  readonly away: AwaySample | undefined;
  /** Of a model's version, oldest first. */
  points(model: string, version: string): readonly HistoryPoint[];
}

/** What a page shows: the last that is known, and how it came to that. */
export interface ActivityHistory {
  add(sample: MonitorSample): void;
  /** By name. */
  servers(): readonly ServerHistory[];
  clients(): readonly ClientSample[];
}

/** Five minutes at an interval of a second. */
const POINTS = 300;

/** Of so many points each, 30 MB at most; models beyond have figures and no curves. */
const SERIES = 2000;

export function createActivityHistory(): ActivityHistory {
  const states = new Map<string, { last?: ServerSample; away?: AwaySample }>();
  const series = new Map<string, HistoryPoint[]>();
  const clients = new Map<string, ClientSample>();
  const keyOf = (server: string, model: string, version: string): string =>
    `${server}\n${modelKey(model, version)}`;

  function addServer(sample: ServerSample): void {
    states.set(sample.server, { last: sample });
    const held = new Set<string>();
    for (const { model, version, averages } of sample.models) {
      const key = keyOf(sample.server, model, version);
      held.add(key);
      let points = series.get(key);
      if (points === undefined) {
        if (series.size >= SERIES) continue;
        points = [];
        series.set(key, points);
      }
      const { inferencesPerSecond, requestUs } = averages;
      points.push({ timestampMs: sample.timestampMs, inferencesPerSecond, requestUs });
      if (points.length > POINTS) points.shift();
    }
    // A model that was unloaded leaves nothing behind.
    for (const key of series.keys())
      if (key.startsWith(`${sample.server}\n`) && !held.has(key)) series.delete(key);
  }

  return {
    add(sample) {
      if (sample.kind === "client") clients.set(sample.client, sample);
      else if (sample.kind === "server") addServer(sample);
      else if (sample.kind === "away")
        states.set(sample.server, { ...states.get(sample.server), away: sample });
      else if (!states.has(sample.server)) states.set(sample.server, {});
    },
    servers: () =>
      [...states]
        .sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }))
        .map(([name, { last, away }]) => ({
          name,
          last,
          away,
          points: (model, version) => series.get(keyOf(name, model, version)) ?? [],
        })),
    clients: () => [...clients.values()],
  };
}
