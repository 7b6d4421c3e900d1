import { availableParallelism } from "node:os";
import { invalidOption } from "@strainflow/series";
import { checkExposure } from "./access.ts";
import type { ServerOptions } from "./server-options.ts";
import { checkPush } from "./watching/push-metrics.ts";

/** What has a default that is no absence. */
type Defaults = Required<
  Pick<
    ServerOptions,
    | "host"
    | "grpcPort"
    | "httpPort"
    | "metricsPort"
    | "modelControl"
    | "workers"
    | "responseCacheSize"
    | "rateLimit"
    | "rateLimitResources"
    | "maxMessageSize"
    | "maxSequences"
    | "maxConnections"
    | "maxInFlight"
    | "tokens"
    | "handOver"
    | "sharedMemoryPrefix"
  >
>;

export type CheckedOptions = ServerOptions & Defaults;

/** With defaults. @throws `invalid-option` */
export function checkOptions(options: ServerOptions): CheckedOptions {
  const checked: CheckedOptions = {
    ...options,
    host: options.host ?? "127.0.0.1",
    grpcPort: options.grpcPort ?? 0,
    httpPort: options.httpPort ?? 0,
    metricsPort: options.metricsPort ?? 0,
    modelControl: options.modelControl ?? "none",
    workers: options.workers ?? availableParallelism(),
    responseCacheSize: options.responseCacheSize ?? 0,
    rateLimit: options.rateLimit ?? "off",
    rateLimitResources: options.rateLimitResources ?? {},
    maxMessageSize: options.maxMessageSize ?? 256 * 2 ** 20,
    maxSequences: options.maxSequences ?? 100_000,
    maxConnections: options.maxConnections ?? 10_000,
    maxInFlight: options.maxInFlight ?? 1024,
    tokens: options.tokens ?? [],
    handOver: options.handOver ?? false,
    sharedMemoryPrefix: options.sharedMemoryPrefix ?? "",
  };
  const whole = (name: string, value: number, least: number): void => {
    if (!Number.isInteger(value) || value < least)
      throw invalidOption("createServer", name, value, `a whole number ≥ ${least}`);
  };
  for (const name of ["workers", "maxInFlight", "maxSequences", "maxConnections"] as const)
    whole(name, checked[name], 1);
  whole("maxMessageSize", checked.maxMessageSize, -1);
  whole("responseCacheSize", checked.responseCacheSize, 0);
  if (checked.pollMs !== undefined) whole("pollMs", checked.pollMs, 1);
  if (!["off", "execution_count"].includes(checked.rateLimit))
    throw invalidOption("createServer", "rateLimit", checked.rateLimit, "'off' or 'execution_count'");
  for (const [name, count] of Object.entries(checked.rateLimitResources))
    whole(`rateLimitResources.${name}`, count, 0);
  const { modelControl, host, tokens, tls, insecure = false, pushMetrics } = checked;
  if (!["none", "poll", "explicit"].includes(modelControl))
    throw invalidOption("createServer", "modelControl", modelControl, "'none', 'poll' or 'explicit'");
  checkExposure({ host, tokens, tls, insecure });
  if (pushMetrics !== undefined) checkPush(pushMetrics);
  return checked;
}
