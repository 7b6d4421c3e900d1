import { StrainflowError } from "@strainflow/series";
import {
  describeExit,
  type ProcessOptions,
  type ReadyLine,
  type ServerCommand,
  type ServerExit,
  type ServerProcess,
  startServerProcess,
} from "./server-process.ts";

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
  | { readonly kind: "ready"; readonly pid: number; readonly restarts: number }
  | { readonly kind: "died"; readonly exit: ServerExit; readonly message: string }
  | { readonly kind: "restarting"; readonly attempt: number; readonly pauseMs: number }
  | { readonly kind: "given-up"; readonly error: Error };

export interface SuperviseOptions extends ProcessOptions {
  /** The command; after the first start with the ports that it got, so that clients find it again. */
  readonly command: (ports: ReadyLine | undefined) => ServerCommand;
  /** Whether the one that answers there is ready and ours. Rejects if not. */
  readonly check: (ready: ReadyLine) => Promise<void>;
  /** Absent: a server that dies stays dead. */
  readonly policy?: SupervisePolicy | undefined;
  readonly onEvent: (event: ServerEvent) => void;
  /** Milliseconds that a server may take to end in order. */
  readonly stopTimeoutMs: number;
}

export interface SupervisedServer {
  readonly ready: ReadyLine;
  /** Of the process of now; of the last one when there is none. */
  readonly pid: number;
  readonly restarts: number;
  /** The last process is gone and no other will follow. */
  readonly exited: Promise<ServerExit>;
  close(): Promise<void>;
}

/** Starts a server, and starts it again when it dies. @throws `launch-failed` if the first start fails */
export async function superviseServer(options: SuperviseOptions): Promise<SupervisedServer> {
  const { policy, onEvent } = options;
  let closing = false;
  let restarts = 0;
  let current = await startChecked(options, undefined);
  const ready = current.ready;
  const deaths: number[] = [];
  const interrupt = new AbortController();

  /** A new process; nothing if this attempt failed. */
  async function restart(): Promise<ServerProcess | undefined> {
    try {
      return await startChecked({ ...options, signal: interrupt.signal }, ready);
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
    }
  }

  const exited = watch();
  return {
    ready,
    get pid() {
      return current.pid;
    },
    get restarts() {
      return restarts;
    },
    exited,
    async close() {
      closing = true;
      interrupt.abort();
      await current.stop(options.stopTimeoutMs);
      await exited;
    },
  };
}

async function startChecked(options: SuperviseOptions, ports: ReadyLine | undefined): Promise<ServerProcess> {
  const started = await startServerProcess(options.command(ports), options);
  try {
    await options.check(started.ready);
    return started;
  } catch (cause) {
    const exit = await started.stop(0);
    throw new StrainflowError(
      "launch-failed",
      `server ${exit.pid} said that it is ready at ${started.ready.grpc}, and does not answer there: ` +
        (cause instanceof Error ? cause.message : String(cause)),
      { cause, details: { exit } },
    );
  }
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
