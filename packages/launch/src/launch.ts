import { randomBytes } from "node:crypto";
import { invalidOption } from "@strainflow/series";
import { isGuarded } from "./embedded.ts";
import type { LaunchOptions } from "./launch-options.ts";
import { openLog } from "./log-target.ts";
import type { ServerExit } from "./server-process.ts";
import { startRuntime } from "./start-runtime.ts";
import { type SupervisePolicy, superviseServer } from "./supervise.ts";
import { untilReady } from "./until-ready.ts";

/** A server that was started here, and ends with us. */
export interface LaunchedServer extends AsyncDisposable {
  /** `host:port` of gRPC, with TLS `grpcs://host:port`: what `connect` takes. The same after a restart. */
  readonly address: string;
  /** `http://host:port`; absent where the server has none. */
  readonly httpAddress: string | undefined;
  /** `http://host:port/metrics`, for Prometheus; absent where the server has none. */
  readonly metricsAddress: string | undefined;
  /** Of the process of now: the server's own, or that of the container engine's client that runs it. */
  readonly pid: number;
  /** How often it was started again. */
  readonly restarts: number;
  /** The server is gone, and no other will be started in its place. */
  readonly exited: Promise<ServerExit>;
  /**
   * Resolves when the server is ready: at once, unless it died and is being started again.
   *
   * @throws `server-unavailable` after `timeoutMs` (default 60 000); `server-lost` once no other will be started
   */
  ready(options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal }): Promise<void>;
  /** Ends the server; nothing of it is left when this resolves. */
  close(): Promise<void>;
}

const POLICY: SupervisePolicy = { maxRestarts: 5, windowMs: 60_000, firstPauseMs: 100, longestPauseMs: 5000 };

/**
 * Starts a server and waits until it is ready, all models loaded, and has shown that it is the one that was started.
 *
 * It ends with us, also when we are killed, and leaves no process, container, scratch folder or shared memory.
 *
 * @throws `launch-failed` with exit code and last lines if it dies, is not ready in time, or another answers in its
 *   place; `launch-port-taken`; `launch-no-triton`; `launch-no-image`; `plan-mismatch` where the
 *   repository has TensorRT plans that this server cannot run; `invalid-option`
 *
 * @example
 * ```ts
 * const server = await launch({ runtime: "triton", repository: "models", python: ".venv", supervise: true });
 * const client = await connect(server.address);
 * // …
 * client.close();
 * await server.close();
 * ```
 */
export async function launch(options: LaunchOptions): Promise<LaunchedServer> {
  const container = options.runtime === "apptainer" || options.runtime === "docker";
  const { supervise = false, stopTimeoutMs = 5000, waitingIntervalMs = 10_000 } = options;
  const { readyTimeoutMs = container ? 300_000 : 60_000, onEvent = () => undefined } = options;
  for (const [name, value] of Object.entries({ readyTimeoutMs, stopTimeoutMs, waitingIntervalMs }))
    if (!(value >= 0 && value < 2 ** 31))
      throw invalidOption("launch", name, value, "milliseconds, from 0 to 24 days");
  const name = `strainflow-${randomBytes(6).toString("hex")}`;
  const log = await openLog(options.log);
  let starts = 0;
  try {
    const server = await superviseServer({
      start: (before, signal) =>
        startRuntime(options, `${name}-${++starts}`, before, {
          log: log.line,
          readyTimeoutMs,
          waitingIntervalMs,
          signal,
          onWarning: (message) => onEvent({ kind: "warning", message }),
          onWaiting: (elapsedMs) =>
            onEvent({
              kind: "waiting",
              elapsedMs,
              message: `still waiting for the server to be ready: ${Math.round(elapsedMs / 1000)} s of ${Math.round(readyTimeoutMs / 1000)} s`,
            }),
        }),
      policy: supervise === false ? undefined : { ...POLICY, ...(supervise === true ? {} : supervise) },
      onEvent,
      log: log.line,
      stopTimeoutMs,
      signal: options.signal,
    });
    const close = async (): Promise<void> => {
      await server.close();
      await log.close();
    };
    const { grpc, http, metrics } = server.place;
    return {
      address: options.runtime === "embedded" && options.tls !== undefined ? `grpcs://${grpc}` : grpc,
      httpAddress: http,
      metricsAddress: metrics,
      get pid() {
        return server.pid;
      },
      get restarts() {
        return server.restarts;
      },
      exited: server.exited,
      ready: ({ timeoutMs = 60_000, signal } = {}) =>
        isGuarded(options) ? server.settled() : untilReady(server, timeoutMs, signal),
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await log.close();
    throw error;
  }
}
