import { createRequire } from "node:module";
import { resolve } from "node:path";
import { StrainflowError } from "@strainflow/series";
import type { EmbeddedLaunch } from "./launch-options.ts";
import type { OwnCommand } from "./own-process.ts";
import { portsOf } from "./server-place.ts";
import type { ServerPlace } from "./server-process.ts";

/** The command that runs the embedded server, on the ports that it had before where there was a before. */
export function embeddedCommand(options: EmbeddedLaunch, before: ServerPlace | undefined): OwnCommand {
  const { repository, workers, insecure, host = "127.0.0.1", grpcPort = 0, httpPort = 0 } = options;
  const ports = before === undefined ? { grpc: grpcPort, http: httpPort } : portsOf(before);
  const told = {
    repository: resolve(repository),
    host,
    grpcPort: ports.grpc,
    httpPort: ports.http,
    ...(workers === undefined ? {} : { workers }),
    ...(insecure === undefined ? {} : { insecure }),
  };
  return { file: process.execPath, args: [childEntry(), JSON.stringify(told)] };
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
