import { createRequire } from "node:module";
import { resolve } from "node:path";
import { StrainflowError } from "@strainflow/series";
import type { EmbeddedLaunch, LaunchOptions } from "./launch-options.ts";
import type { OwnCommand } from "./own-process.ts";
import { portsOf } from "./server-place.ts";
import type { ServerPlace } from "./server-process.ts";

/**
 * V8's helper threads mark a heap of a few MB over and over, since tensors outside of it come and go: measured, a quarter
 * to a half of the server's CPU went there. Marking it on the thread that it belongs to takes a millisecond or two.
 */
const NODE_FLAGS = [
  "--single-threaded-gc",
  // What a request leaves behind is a few tens of KB and dies young. Looked at four times as often, it takes as long
  // altogether and a third of it at once: half a millisecond in place of two, in which nobody is answered.
  "--max-semi-space-size=4",
];

/** What the server takes as it is. */
const OF_THE_SERVER = [
  "processes",
  "workers",
  "insecure",
  "modelControl",
  "startupModels",
  "pollMs",
  "responseCacheSize",
  "rateLimit",
  "rateLimitResources",
  "maxMessageSize",
  "maxSequences",
  "maxConnections",
  "maxInFlight",
  "tls",
  "tokenFile",
  "logForm",
  "trace",
  "pushMetrics",
  "handOver",
  "sharedMemoryPrefix",
] as const satisfies readonly (keyof EmbeddedLaunch)[];

/** The command that runs the embedded server, on the ports that it had before where there was a before. */
export function embeddedCommand(options: EmbeddedLaunch, before: ServerPlace | undefined): OwnCommand {
  const { repository, host = "127.0.0.1", grpcPort = 0, httpPort = 0, metricsPort = 0 } = options;
  const ports =
    before === undefined ? { grpc: grpcPort, http: httpPort, metrics: metricsPort } : portsOf(before);
  // What is undefined is not in the JSON, and the server's own default holds.
  const told = {
    repository: resolve(repository),
    host,
    grpcPort: ports.grpc,
    httpPort: ports.http,
    metricsPort: ports.metrics,
    ...Object.fromEntries(OF_THE_SERVER.map((name) => [name, options[name]])),
  };
  return { file: process.execPath, args: [...NODE_FLAGS, childEntry(), JSON.stringify(told)] };
}

function childEntry(): string {
  try {
    return createRequire(import.meta.url).resolve("@strainflow/server/child");
  } catch (cause) {
    throw new StrainflowError(
      "launch-failed",
      "@strainflow/server is not installed, or not built; install it beside @strainflow/launch",
      { cause },
    );
  }
}

/** Only who has a certificate or a token is answered, and the launcher has neither. */
export function isGuarded(options: LaunchOptions): boolean {
  return options.runtime === "embedded" && (options.tls !== undefined || options.tokenFile !== undefined);
}
