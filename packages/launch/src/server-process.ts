import type { ServerOutput } from "./server-output.ts";

/** Where a server listens, and which process it is. */
export interface ServerPlace {
  /** `host:port` of gRPC. */
  readonly grpc: string;
  /** `http://host:port`, where there is one. */
  readonly http?: string | undefined;
  /** `http://host:port/metrics`, where there is one. */
  readonly metrics?: string | undefined;
  readonly pid: number;
}

/** How a server's process ended. */
export interface ServerExit {
  readonly pid: number;
  /** Absent where a signal ended it. */
  readonly code: number | undefined;
  readonly signal: string | undefined;
  /** The last lines that it wrote. */
  readonly lastLines: readonly string[];
}

export interface ServerProcess {
  readonly place: ServerPlace;
  readonly pid: number;
  readonly exited: Promise<ServerExit>;
  /** Lets it end in order; after `graceMs` it is killed. Nothing of it is left when this resolves. */
  stop(graceMs: number): Promise<ServerExit>;
}

export interface StartOptions {
  readonly readyTimeoutMs: number;
  readonly log: (line: string) => void;
  /** Told each `waitingIntervalMs` while the server is not ready. */
  readonly onWaiting?: (elapsedMs: number) => void;
  readonly waitingIntervalMs?: number;
  /** Told what may be wrong with the models. */
  readonly onWarning?: (message: string) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface Waiting {
  readonly options: StartOptions;
  readonly output: ServerOutput;
  readonly exited: Promise<ServerExit>;
  /** Makes an error of what went wrong. */
  readonly failure: (what: string, cause?: unknown) => Error;
}

/** What a server says when it is ready; rejects when it dies, is given up, or is not ready in time. */
export async function whileStarting<T>(
  { options, exited, failure }: Waiting,
  ready: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { readyTimeoutMs, waitingIntervalMs = 10_000, onWaiting, signal } = options;
  const from = performance.now();
  const over = new AbortController();
  let abort: () => void = () => undefined;
  let timer: NodeJS.Timeout | undefined;
  const word = setInterval(() => onWaiting?.(performance.now() - from), waitingIntervalMs);
  try {
    return await new Promise<T>((resolve, reject) => {
      abort = () => reject(failure("was given up while it started", signal?.reason));
      if (signal?.aborted) abort();
      signal?.addEventListener("abort", abort, { once: true });
      timer = setTimeout(() => reject(failure(`was not ready within ${readyTimeoutMs} ms`)), readyTimeoutMs);
      void exited.then((exit) => reject(failure(`died before it was ready: ${describeExit(exit)}`)));
      ready(over.signal).then(resolve, reject);
    });
  } finally {
    over.abort();
    clearInterval(word);
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

/** `exit code 1`, `signal SIGKILL`. */
export function describeExit({ code, signal }: ServerExit): string {
  return signal === undefined ? `exit code ${code}` : `signal ${signal}`;
}
