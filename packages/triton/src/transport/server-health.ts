import type { Link } from "./link.ts";
import { checkReady } from "./readiness.ts";

/** What is known of one of several servers. */
export interface ServerState {
  readonly link: Link;
  healthy: boolean;
  openStreams: number;
  /** Sequences that were begun there and could not be ended: tried again when it is back. */
  readonly orphans: Map<string, () => Promise<boolean>>;
}

/** Watches over several servers. */
export interface HealthWatch {
  /** A call to it has failed: not used until it has answered. */
  suspect(server: ServerState): void;
  close(): void;
}

export interface HealthOptions {
  /** Milliseconds between two checks of each of several servers. Default 1000. */
  readonly healthIntervalMs?: number;
  /** Milliseconds that a check may take. Default 2000: more than any server needs that is worth waiting for. */
  readonly healthTimeoutMs?: number;
}

/** Asks each server whether it is ready, and at once those that have failed. A single server is never judged. */
export function watchHealth(servers: readonly ServerState[], options: HealthOptions): HealthWatch {
  const { healthIntervalMs = 1000, healthTimeoutMs = 2000 } = options;
  const checking = new Set<ServerState>();
  const abort = new AbortController();
  if (servers.length < 2) return { suspect: () => undefined, close: () => undefined };

  async function check(server: ServerState): Promise<void> {
    if (checking.has(server)) return;
    checking.add(server);
    try {
      await checkReady(server.link, healthTimeoutMs, abort.signal);
      server.healthy = true;
      for (const [key, end] of server.orphans) if (await end()) server.orphans.delete(key);
    } catch {
      server.healthy = false;
    } finally {
      checking.delete(server);
    }
  }

  const timer = setInterval(() => {
    for (const server of servers) void check(server);
  }, healthIntervalMs);
  timer.unref();

  return {
    suspect(server) {
      server.healthy = false;
      if (!abort.signal.aborted) void check(server);
    },
    close() {
      clearInterval(timer);
      abort.abort();
    },
  };
}
