import { createRequire } from "node:module";
import { resolve } from "node:path";
import { StrainflowError } from "@strainflow/series";
import type { ReadyLine, ServerCommand } from "./server-process.ts";

/** What the embedded server's child process is told, as JSON in its first argument. */
export interface EmbeddedOptions {
  readonly repository: string;
  readonly workers?: number;
  readonly host?: string;
  readonly grpcPort?: number;
  readonly httpPort?: number | false;
}

/** The command that runs the embedded server, on the ports that it had before where there was a before. */
export function embeddedCommand(options: EmbeddedOptions, ports: ReadyLine | undefined): ServerCommand {
  const { repository, workers, host = "127.0.0.1", grpcPort = 0, httpPort = 0 } = options;
  const told = {
    repository: resolve(repository),
    host,
    grpcPort: portOf(ports?.grpc) ?? grpcPort,
    httpPort: portOf(ports?.http) ?? httpPort,
    ...(workers === undefined ? {} : { workers }),
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

function portOf(address: string | undefined): number | undefined {
  return address === undefined ? undefined : Number(address.slice(address.lastIndexOf(":") + 1));
}
