import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { openFront } from "@strainflow/processes";
import { invalidOption, type StrainflowError } from "@strainflow/series";
import { Access, readTls } from "../access.ts";
import { checkOptions } from "../check-options.ts";
import type { InferenceServer } from "../server.ts";
import type { ServerOptions } from "../server-options.ts";
import { serveMetrics } from "../watching/metrics-service.ts";
import { pushMetrics } from "../watching/push-metrics.ts";
import { ServerLog } from "../watching/server-log.ts";
import { Assembly } from "./assembly.ts";
import type { ProcessInit, ToServerFront } from "./questions.ts";

/** A server of several processes, as the one that holds its ports has it. */
export interface ServerOfProcesses
  extends Pick<InferenceServer, "grpcAddress" | "httpAddress" | "metricsAddress" | "close"> {
  /** Of each process that runs. */
  readonly pids: readonly (number | undefined)[];
  /** Resolves when its processes end so often that none is started any more. */
  readonly failed: Promise<StrainflowError>;
  /** Ends all processes at once. */
  kill(): void;
}

/** As the launcher runs a server that is one process: helper threads mark the small heap over and over. */
const NODE_FLAGS = ["--single-threaded-gc", "--max-semi-space-size=4"];

/** How long processes may take to be gone when they have said that they are done, in milliseconds. */
const GONE_MS = 1000;

/**
 * Serves models by several processes behind the same ports.
 *
 * @throws as `createServer`; `process-lost`
 */
export async function serveProcesses(given: ServerOptions, count: number): Promise<ServerOfProcesses> {
  if (!Number.isInteger(count) || count < 1 || count > 256)
    throw invalidOption("serveProcesses", "processes", count, "a whole number from 1 to 256");
  // Together they have the threads that one would have.
  const workers = given.workers ?? Math.max(1, Math.floor(availableParallelism() / count));
  const { log: write = () => {}, ...options } = checkOptions({ ...given, workers });
  const { host, grpcPort, httpPort, metricsPort, logFile, pushMetrics: push } = options;
  const log = new ServerLog({
    write,
    form: options.logForm ?? "text",
    ...(logFile === undefined ? {} : { file: logFile }),
  });
  const tls = options.tls === undefined ? undefined : await readTls(options.tls);
  // Nobody but us can enter it.
  const folder = await mkdtemp(join(tmpdir(), "strainflow-"));
  const assembly = new Assembly(count);
  const init: ProcessInit = { options, folder };
  const front = await openFront({
    // It runs from what was built, also when this module runs from its source.
    entry: new URL("../../dist/processes/process.js", import.meta.url),
    count,
    init,
    nodeFlags: NODE_FLAGS,
    ports: {
      grpc: { host, port: grpcPort, what: "gRPC" },
      ...(httpPort === false ? {} : { http: { host, port: httpPort, what: "HTTP" } }),
    },
    log: (line) => log.error(line),
    answer: (question, index) => assembly.answer(question as ToServerFront, index),
    onStarted: ({ ask }, index) => assembly.enter(index, (question) => ask(index, question)),
    onGone: (index) => assembly.leave(index),
  }).catch(async (error: unknown) => {
    await rm(folder, { recursive: true, force: true });
    throw error;
  });
  const page = (): Promise<string> => assembly.metrics(front.restarts);
  const grpcAddress = `${host}:${front.ports["grpc"]}`;
  const guard = {
    host,
    access: new Access(options.tokens),
    maxConnections: options.maxConnections,
    ...(tls === undefined ? {} : { tls }),
  };
  const metrics =
    metricsPort === false
      ? undefined
      : await serveMetrics(page, { ...guard, port: metricsPort }).catch(async (error: unknown) => {
          await end(0);
          throw error;
        });
  const pushing = push === undefined ? undefined : pushMetrics(page, push, grpcAddress, log);

  async function end(graceMs: number): Promise<void> {
    await front.end(graceMs);
    await rm(folder, { recursive: true, force: true });
  }

  let closed: Promise<void> | undefined;
  const close = async (drainMs: number): Promise<void> => {
    front.shut();
    // Together: a stream that goes on in one process may need another one.
    await assembly.askAll({ kind: "drain", drainMs });
    await pushing?.close();
    await assembly.askAll({ kind: "finish" });
    metrics?.close();
    await end(GONE_MS);
  };
  return {
    grpcAddress,
    ...(httpPort === false
      ? {}
      : { httpAddress: `${tls === undefined ? "http" : "https"}://${host}:${front.ports["http"]}` }),
    ...(metrics === undefined ? {} : { metricsAddress: metrics.address }),
    get pids() {
      return front.pids;
    },
    failed: front.failed,
    kill: () => front.kill(),
    close: ({ drainMs = 0 } = {}) => {
      closed ??= close(drainMs);
      return closed;
    },
  };
}
