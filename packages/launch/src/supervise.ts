import { StrainflowError } from "@strainflow/series";
import { describeExit, type ServerExit, type ServerPlace, type ServerProcess } from "./server-process.ts";

/** When and how often a server that died is started again. */
export interface SupervisePolicy {
  /** Deaths within `windowMs` after which it is left dead. Default 5: what dies that often is broken. */
  readonly maxRestarts: number;
  /** Milliseconds. Default 60 000. */
  readonly windowMs: number;
  /** Milliseconds before the first restart; doubled with each death in the window. Default 100. */
  readonly firstPauseMs: number;
  /** Milliseconds. Default 5000. */
  readonly longestPauseMs: number;
}

/** What becomes of a server, for people and for logs. */
export type ServerEvent =
  /** It is not ready yet; each 10 s, or `waitingIntervalMs`. */
  | { readonly kind: "waiting"; readonly elapsedMs: number; readonly message: string }
  /** Of something that may be wrong with the models: a plan of which nobody knows what built it. */
  | { readonly kind: "warning"; readonly message: string }
  | { readonly kind: "ready"; readonly pid: number; readonly restarts: number }
  | { readonly kind: "died"; readonly exit: ServerExit; readonly message: string }
  | { readonly kind: "restarting"; readonly attempt: number; readonly pauseMs: number }
  | { readonly kind: "given-up"; readonly error: Error };

export interface SuperviseOptions {
  /** Starts one, ready and ours; after the first at the place that it had, so that clients find it again. */
  readonly start: (
    before: ServerPlace | undefined,
    signal: AbortSignal | undefined,
  ) => Promise<ServerProcess>;
  /** Absent: a server that dies stays dead. */
  readonly policy?: SupervisePolicy | undefined;
  readonly onEvent: (event: ServerEvent) => void;
  readonly log: (line: string) => void;
  /** Milliseconds that a server may take to end in order. */
  readonly stopTimeoutMs: number;
  /** Gives up the first start. */
  readonly signal?: AbortSignal | undefined;
}

export interface SupervisedServer {
  readonly place: ServerPlace;
  /** Of the process of now; of the last one when there is none. */
  readonly pid: number;
  readonly restarts: number;
  /** The last process is gone and no other will follow. */
  readonly exited: Promise<ServerExit>;
  /** Resolves when none is being started: at once, unless one has died. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a server, and starts it again when it dies. @throws `launch-failed` if the first start fails */
export async function superviseServer(options: SuperviseOptions): Promise<SupervisedServer> {
  const { policy, onEvent } = options;
  let closing = false;
  let restarts = 0;
  let current = await options.start(undefined, options.signal);
  const { place } = current;
  const deaths: number[] = [];
  const interrupt = new AbortController();
  let settled = Promise.resolve();
  let settle: () => void = () => undefined;

  /** A new process; nothing if this attempt failed. */
  async function restart(): Promise<ServerProcess | undefined> {
    try {
      return await options.start(place, interrupt.signal);
    } catch (error) {
      if (!closing) options.log(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  async function watch(): Promise<ServerExit> {
    for (;;) {
      const exit = await current.exited;
      if (closing) return exit;
      onEvent({ kind: "died", exit, message: `server ${exit.pid} died: ${describeExit(exit)}` });
      if (policy === undefined) return exit;
      settled = new Promise((resolve) => {
        settle = resolve;
      });
      for (let next: ServerProcess | undefined; next === undefined; ) {
        const now = performance.now();
        deaths.push(now);
        while (deaths[0]! < now - policy.windowMs) deaths.shift();
        if (deaths.length > policy.maxRestarts) {
          onEvent({ kind: "given-up", error: givenUp(deaths.length, policy, exit) });
          return exit;
        }
        const pauseMs = Math.min(policy.firstPauseMs * 2 ** (deaths.length - 1), policy.longestPauseMs);
        onEvent({ kind: "restarting", attempt: deaths.length, pauseMs });
        await pause(pauseMs, interrupt.signal);
        if (closing) return exit;
        next = await restart();
        if (next !== undefined) current = next;
        if (closing) return next === undefined ? exit : current.stop(options.stopTimeoutMs);
      }
      restarts++;
      onEvent({ kind: "ready", pid: current.pid, restarts });
      settle();
    }
  }

  const exited = watch().finally(() => settle());
  return {
    place,
    get pid() {
      return current.pid;
    },
    get restarts() {
      return restarts;
    },
    exited,
    settled: () => settled,
    async close() {
      closing = true;
      interrupt.abort();
      await current.stop(options.stopTimeoutMs);
      await exited;
    },
  };
}

function givenUp(deaths: number, { windowMs }: SupervisePolicy, exit: ServerExit): StrainflowError {
  return new StrainflowError(
    "server-given-up",
    `the server died ${deaths} times within ${windowMs / 1000} s, last of ${describeExit(exit)}, and is not started again`,
    { details: { deaths, exit } },
  );
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
    if (signal.aborted) done();
  });
}
