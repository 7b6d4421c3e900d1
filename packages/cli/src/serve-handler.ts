import { pushMetrics, type ServeHandlerOptions, serveHandler } from "@strainflow/handlers";
import { StrainflowError } from "@strainflow/series";
import type { Command } from "commander";
import { flagValue } from "./flag-values.ts";
import type { Terminal } from "./terminal.ts";

/** What only `serve --handler` takes. */
export interface HandlerFlags {
  readonly handler?: string;
  readonly batchMax?: number;
  readonly batchWait?: number;
  readonly pushTo?: string;
  readonly pushInterval?: number;
}

/** Those and what all servers have. */
export interface ServeHandlerFlags extends HandlerFlags {
  readonly handler: string;
  readonly host: string;
  readonly httpPort: number;
  readonly workers?: number;
  readonly processes?: number;
  readonly maxConnections?: number;
  readonly insecure?: boolean;
}

/** Milliseconds that requests under way may take when it ends. */
const DRAIN_MS = 5000;

export function addHandlerFlags(command: Command): Command {
  return command
    .option(
      "--handler <file>",
      "a handler in plain code, .ts or .js, over HTTP instead of models; STRAINFLOW_TOKEN is what its clients must show",
    )
    .option("--batch-max <n>", "handler: most messages of a batch (default: 512)", flagValue.whole(1))
    .option(
      "--batch-wait <ms>",
      "handler: how long a message may wait for others while it is free (default: 0)",
      flagValue.number,
    )
    .option("--push-to <url>", "embedded, handler: a Pushgateway that gets the metrics")
    .option(
      "--push-interval <s>",
      "embedded, handler: seconds between pushes (default: 10)",
      flagValue.positive,
    );
}

/** @throws `usage` where a flag is for handlers, and there is none */
export function checkHandlerFlags(flags: HandlerFlags): void {
  if (flags.handler !== undefined) return;
  const given = { "--batch-max": flags.batchMax, "--batch-wait": flags.batchWait };
  for (const [flag, value] of Object.entries(given))
    if (value !== undefined) throw new StrainflowError("usage", `${flag} is for --handler`);
}

/** Serves a handler until the signal. */
export async function runHandler(
  flags: ServeHandlerFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const token = process.env["STRAINFLOW_TOKEN"];
  const options: ServeHandlerOptions = {
    path: flags.handler,
    host: flags.host,
    port: flags.httpPort,
    log: (line) => terminal.warn(line),
    ...(flags.workers === undefined ? {} : { workers: flags.workers }),
    ...(flags.processes === undefined ? {} : { processes: flags.processes }),
    ...(flags.maxConnections === undefined ? {} : { maxConnections: flags.maxConnections }),
    ...(flags.batchMax === undefined ? {} : { maxBatchSize: flags.batchMax }),
    ...(flags.batchWait === undefined ? {} : { maxQueueMs: flags.batchWait }),
    ...(flags.insecure === true ? { insecure: true } : {}),
    ...(token === undefined || token === "" ? {} : { token }),
  };
  const server = await serveHandler(options);
  const { pushTo, pushInterval } = flags;
  const push =
    pushTo === undefined
      ? undefined
      : pushMetrics(server, {
          url: pushTo,
          ...(pushInterval === undefined ? {} : { intervalMs: 1000 * pushInterval }),
          onFailure: (error) => terminal.warn(error.message),
        });
  try {
    terminal.say("serving", flags.handler);
    terminal.say("HTTP", server.url);
    terminal.say("metrics", `${server.url}/metrics`);
    terminal.record({ type: "ready", http: server.url, metrics: `${server.url}/metrics`, pid: process.pid });
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    await push?.close();
  } finally {
    await server.close(DRAIN_MS);
  }
  terminal.say("stopped", "all requests are answered");
}
