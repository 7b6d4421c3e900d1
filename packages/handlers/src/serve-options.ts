import { availableParallelism } from "node:os";
import { invalidOption } from "@strainflow/series";

export interface ServeHandlerOptions {
  /** The handler's module, `.ts` or `.js`: it is loaded in each worker. */
  readonly path: string;
  /** Default 127.0.0.1: for this machine only. Another needs `token` or `insecure`. */
  readonly host?: string;
  /** Default 8081, as in Virtex's examples; 0 takes a free one. */
  readonly port?: number;
  /**
   * Processes behind the port; connections go to them by turns. Default 1: this one. One thread of each speaks to clients,
   * so that more pay where that thread, and not the handler, is what is busy.
   */
  readonly processes?: number;
  /**
   * Worker threads, of each process. Default: as many as cores, less one for the thread that speaks to clients, shared by
   * the processes.
   */
  readonly workers?: number;
  /** Most messages of a batch. Default 512, as Virtex has it. */
  readonly maxBatchSize?: number;
  /**
   * Milliseconds that a message may wait for others while the handler is free. Default 0: what comes while the handler is
   * busy goes together anyway; more pays only where full batches are worth the wait.
   */
  readonly maxQueueMs?: number;
  /** Milliseconds that a stage may take over a batch. Default 10 000. */
  readonly stageTimeoutMs?: number;
  /**
   * Milliseconds that a request may take; a worker that lets one take longer is ended and replaced, since nothing else
   * stops code that loops. Default 30 000; at least twice `stageTimeoutMs`, or a batch that hangs could not be told apart.
   */
  readonly requestTimeoutMs?: number;
  /** Milliseconds that loading the handler may take. Default 60 000. */
  readonly loadTimeoutMs?: number;
  /** Bytes of a body. Default 16 MiB. */
  readonly maxBodyBytes?: number;
  /** Items of a body. Default 4096. */
  readonly maxItems?: number;
  /** Requests under way; the next is answered 503. Default 10 000. */
  readonly maxRequests?: number;
  /** Bytes of bodies under way; a request that comes beyond is answered 503. Default 256 MiB. */
  readonly maxPendingBytes?: number;
  /** Connections. Default 10 000. */
  readonly maxConnections?: number;
  /** MiB of a worker's JavaScript heap; typed arrays are outside it. Default 2048. */
  readonly maxHeapMiB?: number;
  /** What clients must send as `authorization: Bearer …`. Default: anybody may ask. */
  readonly token?: string;
  /** Serve whoever reaches `host`, without a token. Default false. */
  readonly insecure?: boolean;
  /** Told what happens to workers. Default: nobody. */
  readonly log?: (line: string) => void;
}

export type CheckedOptions = Required<Omit<ServeHandlerOptions, "token">> & {
  readonly token: string | undefined;
};

/** With defaults. @throws `invalid-option` */
export function checkOptions(options: ServeHandlerOptions): CheckedOptions {
  const stageTimeoutMs = options.stageTimeoutMs ?? 10_000;
  const processes = options.processes ?? 1;
  const checked: CheckedOptions = {
    processes,
    path: options.path,
    host: options.host ?? "127.0.0.1",
    port: options.port ?? 8081,
    workers: options.workers ?? Math.max(1, Math.floor((availableParallelism() - 1) / processes)),
    maxBatchSize: options.maxBatchSize ?? 512,
    maxQueueMs: options.maxQueueMs ?? 0,
    stageTimeoutMs,
    requestTimeoutMs: options.requestTimeoutMs ?? Math.max(30_000, 3 * stageTimeoutMs),
    loadTimeoutMs: options.loadTimeoutMs ?? 60_000,
    maxBodyBytes: options.maxBodyBytes ?? 16 * 2 ** 20,
    maxItems: options.maxItems ?? 4096,
    maxRequests: options.maxRequests ?? 10_000,
    maxPendingBytes: options.maxPendingBytes ?? 256 * 2 ** 20,
    maxConnections: options.maxConnections ?? 10_000,
    maxHeapMiB: options.maxHeapMiB ?? 2048,
    token: options.token,
    insecure: options.insecure ?? false,
    log: options.log ?? (() => undefined),
  };
  const counts = [
    "processes",
    "workers",
    "maxBatchSize",
    "stageTimeoutMs",
    "requestTimeoutMs",
    "loadTimeoutMs",
  ] as const;
  const limits = ["maxBodyBytes", "maxItems", "maxRequests", "maxPendingBytes", "maxConnections"] as const;
  for (const name of [...counts, ...limits, "maxHeapMiB"] as const)
    if (!Number.isSafeInteger(checked[name]) || checked[name] < 1 || checked[name] >= 2 ** 31)
      throw invalidOption("serveHandler", name, checked[name], "a whole number from 1 to 2^31 − 1");
  if (!(checked.maxQueueMs >= 0 && checked.maxQueueMs <= 60_000))
    throw invalidOption("serveHandler", "maxQueueMs", checked.maxQueueMs, "milliseconds from 0 to 60 000");
  if (checked.requestTimeoutMs < 2 * stageTimeoutMs)
    throw invalidOption(
      "serveHandler",
      "requestTimeoutMs",
      checked.requestTimeoutMs,
      `at least twice stageTimeoutMs, ${2 * stageTimeoutMs}`,
    );
  return checked;
}
