import { setTimeout as pause } from "node:timers/promises";
import { invalidOption } from "@strainflow/series";
import { type LatencySource, readLatency } from "./latency-source.ts";
import type { MonitorSample } from "./monitor-sample.ts";
import { type MonitoredServer, parseServer, serverName } from "./server-address.ts";
import { watchServer } from "./watch-server.ts";

export interface MonitorOptions {
  /** Servers, or what {@link parseServer} makes of their addresses. */
  readonly servers: readonly (string | MonitoredServer)[];
  /** Milliseconds from one question to the next, to each server. Default 1000: Triton itself renews its gauges every 2 s, its counters at once. */
  readonly intervalMs?: number;
  /** Milliseconds after which a server that does not answer counts as away. Default 5000. */
  readonly timeoutMs?: number;
  /** Clients whose latencies are told beside. Default none. */
  readonly clients?: readonly LatencySource[];
  /** Asks each server one time, and gives totals since its models were loaded. Default: until the signal. */
  readonly once?: boolean;
  /** Ends the samples, promptly and without an error. */
  readonly signal?: AbortSignal;
}

/**
 * Watches servers: their models' latency and throughput, interval by interval, in the order in which they answer.
 *
 * A server that is away is told as such and asked again at the next interval; the others go on. A server is asked
 * again only after its last sample was taken, so that a slow reader misses intervals and nothing piles up; no count is
 * lost by that, the next difference has it.
 *
 * Unsubscribing an observable made of this (`from(samples)`) does not end it before its next sample: abort `signal`.
 *
 * @throws `invalid-option`
 *
 * @example
 * ```ts
 * for await (const sample of monitorServers({ servers: ["triton-1", "triton-2"] }))
 *   if (sample.kind === "server")
 *     for (const { model, averages } of sample.models) console.log(sample.server, model, averages.requestUs);
 * ```
 */
export function monitorServers(options: MonitorOptions): AsyncGenerator<MonitorSample, void, undefined> {
  const { intervalMs = 1000, timeoutMs = 5000, clients = [], once = false, signal } = options;
  for (const [name, value] of Object.entries({ intervalMs, timeoutMs }))
    if (!(value >= 1 && value <= 86_400_000))
      throw invalidOption("monitorServers", name, value, "milliseconds, at least 1 and at most a day");
  const servers = options.servers.map((server) =>
    typeof server === "string" ? parseServer(server) : server,
  );
  if (servers.length === 0 && clients.length === 0)
    throw invalidOption("monitorServers", "servers", "empty", "at least one server");
  const names = servers.map(({ name, metrics }) => name ?? serverName(metrics));
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw invalidOption("monitorServers", "servers", twice, "there one time only: its name tells it apart");
  return run(servers, clients, { intervalMs, timeoutMs, once, signal });
}

interface RunOptions {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly once: boolean;
  readonly signal: AbortSignal | undefined;
}

async function* run(
  servers: readonly MonitoredServer[],
  clients: readonly LatencySource[],
  options: RunOptions,
): AsyncGenerator<MonitorSample, void, undefined> {
  const ending = new AbortController();
  const signal =
    options.signal === undefined ? ending.signal : AbortSignal.any([ending.signal, options.signal]);
  const given: { readonly sample: MonitorSample; readonly taken: () => void }[] = [];
  let wake: () => void = () => undefined;
  let running = 0;
  let failure: { readonly error: unknown } | undefined;

  const give = (sample: MonitorSample): Promise<void> =>
    new Promise((taken) => {
      // Nobody takes anything any more.
      if (signal.aborted) return taken();
      given.push({ sample, taken });
      wake();
    });
  const start = (work: Promise<void>): Promise<void> => {
    running++;
    return work
      .catch((error: unknown) => {
        failure ??= { error };
      })
      .finally(() => {
        running--;
        wake();
      });
  };

  const { intervalMs, timeoutMs, once } = options;
  const hosts = servers.map(({ metrics }) => new URL(metrics).hostname.replace(/^\[|\]$/g, ""));
  const loops = servers.map((server, i) => {
    const name = server.name ?? serverName(server.metrics);
    const shared = hosts.some((other, o) => o !== i && other === hosts[i]);
    const host = shared ? name : (hosts[i] ?? name);
    return start(watchServer(server, { name, host, intervalMs, timeoutMs, once, signal, give }));
  });
  if (clients.length > 0) loops.push(start(watchClients(clients, intervalMs, once, signal, give)));
  const onAbort = (): void => wake();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    while (!signal.aborted && failure === undefined) {
      const [next] = given;
      if (next !== undefined) {
        yield next.sample;
        given.shift();
        next.taken();
      } else if (running === 0) return;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
    if (failure !== undefined) throw failure.error;
  } finally {
    ending.abort();
    signal.removeEventListener("abort", onAbort);
    for (const { taken } of given) taken();
    await Promise.all(loops);
  }
}

async function watchClients(
  clients: readonly LatencySource[],
  intervalMs: number,
  once: boolean,
  signal: AbortSignal,
  give: (sample: MonitorSample) => Promise<void>,
): Promise<void> {
  do {
    if (!once) await pause(intervalMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const timestampMs = Date.now();
    for (const source of clients) {
      const latency = readLatency(source);
      if (latency !== undefined) await give({ kind: "client", client: source.name, timestampMs, latency });
    }
  } while (!once);
}
