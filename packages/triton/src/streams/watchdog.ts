/** Notices that the other side has stopped answering. */
export interface Watchdog {
  /** Something is waited for from now on. */
  watch(): void;
  /** Something came. */
  progress(): void;
  /** Nothing is waited for at present. */
  rest(): void;
  /** Nothing will be waited for any more. */
  stop(): void;
}

/*
 * A blocked event loop runs its timers before it reads its sockets: what came meanwhile must be read before anyone
 * is called silent.
 */
const GRACE_MS = 50;

/**
 * Calls `expired` once if nothing came for `timeoutMs` while something was waited for.
 *
 * Keepalive pings would find a dead peer too, but Triton answers those that come more often than every 300 s with
 * GOAWAY.
 */
export function createWatchdog(timeoutMs: number, expired: () => void): Watchdog {
  let timer: NodeJS.Timeout | undefined;
  let lastMs = 0;
  let grace = false;
  /** A timer that is set goes on when nothing is waited for: an update is awaited a thousand times a second. */
  let waiting = false;

  function arm(ms: number): void {
    timer = setTimeout(check, ms);
    timer.unref();
  }
  function check(): void {
    timer = undefined;
    if (!waiting) return;
    const silentMs = performance.now() - lastMs;
    if (silentMs < timeoutMs) {
      grace = false;
      arm(timeoutMs - silentMs);
    } else if (!grace) {
      grace = true;
      arm(GRACE_MS);
    } else expired();
  }

  return {
    watch() {
      lastMs = performance.now();
      waiting = true;
      grace = false;
      if (timer === undefined) arm(timeoutMs);
    },
    progress() {
      lastMs = performance.now();
    },
    rest() {
      waiting = false;
    },
    stop() {
      waiting = false;
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
