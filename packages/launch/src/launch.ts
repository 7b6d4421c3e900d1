import { invalidOption } from "@strainflow/series";
import { connect } from "@strainflow/triton";
import { embeddedCommand } from "./embedded.ts";
import type { ReadyLine, ServerExit } from "./server-process.ts";
import { type ServerEvent, type SupervisePolicy, superviseServer } from "./supervise.ts";

export interface LaunchOptions {
  /** Which server. `embedded`: ours, in a Node process of its own. */
  readonly runtime: "embedded";
  /** Folder of the model repository. */
  readonly repository: string;
  /** Threads that run models. Default: the server's own. */
  readonly workers?: number;
  /** Default 127.0.0.1: nobody else's business. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly grpcPort?: number;
  /** Default 0: any free port. `false`: no HTTP. */
  readonly httpPort?: number | false;
  /** Each line that the server writes. Default: none is shown. */
  readonly log?: (line: string) => void;
  /** Milliseconds that the server may take to be ready, models loaded. Default 60 000. */
  readonly readyTimeoutMs?: number;
  /** Milliseconds that it may take to end in order before it is killed. Default 5000. */
  readonly stopTimeoutMs?: number;
  /** Start it again when it dies, on the same ports. Default: not. */
  readonly supervise?: boolean | Partial<SupervisePolicy>;
  /** Deaths and restarts. */
  readonly onEvent?: (event: ServerEvent) => void;
  /** Gives up starting. */
  readonly signal?: AbortSignal;
}

/** A server that was started here, and ends with us. */
export interface LaunchedServer extends AsyncDisposable {
  /** `host:port` of gRPC: what `connect` takes. The same after a restart. */
  readonly address: string;
  /** `http://host:port`; absent where the server has none. */
  readonly httpAddress: string | undefined;
  /** Of the process of now. */
  readonly pid: number;
  /** How often it was started again. */
  readonly restarts: number;
  /** The server is gone, and no other will be started in its place. */
  readonly exited: Promise<ServerExit>;
  /** Ends the server; nothing of it is left when this resolves. */
  close(): Promise<void>;
}

const POLICY: SupervisePolicy = { maxRestarts: 5, windowMs: 60_000, firstPauseMs: 100, longestPauseMs: 5000 };

/**
 * Starts a server and waits until it answers.
 *
 * @throws `launch-failed` with its last lines if it dies or is not ready in time; no process is left then
 *
 * @example
 * ```ts
 * const server = await launch({ runtime: "embedded", repository: "models", supervise: true });
 * const client = await connect(server.address);
 * // …
 * client.close();
 * await server.close();
 * ```
 */
export async function launch(options: LaunchOptions): Promise<LaunchedServer> {
  const { supervise = false, readyTimeoutMs = 60_000, stopTimeoutMs = 5000 } = options;
  for (const [name, value] of Object.entries({ readyTimeoutMs, stopTimeoutMs }))
    if (!(value >= 0)) throw invalidOption("launch", name, value, "milliseconds, at least 0");
  const server = await superviseServer({
    command: (ports) => embeddedCommand(options, ports),
    check: (ready) => checkAnswers(ready, readyTimeoutMs),
    policy: supervise === false ? undefined : { ...POLICY, ...(supervise === true ? {} : supervise) },
    onEvent: options.onEvent ?? (() => undefined),
    log: options.log ?? (() => undefined),
    readyTimeoutMs,
    stopTimeoutMs,
    signal: options.signal,
  });
  return {
    address: server.ready.grpc,
    httpAddress: server.ready.http,
    get pid() {
      return server.pid;
    },
    get restarts() {
      return server.restarts;
    },
    exited: server.exited,
    close: () => server.close(),
    [Symbol.asyncDispose]: () => server.close(),
  };
}

/** That the port it named is the server's own is proved by its answer there. */
async function checkAnswers(ready: ReadyLine, waitMs: number): Promise<void> {
  const client = await connect(ready.grpc, { waitMs });
  client.close();
}
