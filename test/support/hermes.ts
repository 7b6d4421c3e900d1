import { spawn, spawnSync } from "node:child_process";
import { resolve } from "node:path";

const venv = process.env["STRAINFLOW_PYTHON"] ?? resolve(import.meta.dirname, "../../.cache/venv/bin/python");
const required = process.env["STRAINFLOW_REQUIRE"] === "all";

/** Whether tests beside hermes are to be skipped; where everything is required they run, and fail. */
export const withoutHermes: boolean =
  spawnSync(venv, ["-c", "import hermes.aeriel.monitor"]).status !== 0 && !required;

const SCRIPT = `
import sys
from hermes.aeriel.monitor import ServerMonitor
model, file, grpc_port, metrics_port = sys.argv[1:]
monitor = ServerMonitor(model, "127.0.0.1", file, name="monitor", max_request_rate=20,
                        grpc_port=int(grpc_port), metrics_port=int(metrics_port))
with monitor:
    sys.stdin.readline()
`;

export interface HermesMonitor {
  readonly model: string;
  readonly file: string;
  readonly grpcPort: number;
  readonly metricsPort: number;
}

/** hermes' own monitor, which writes its file until it is stopped. */
export function startHermesMonitor({ model, file, grpcPort, metricsPort }: HermesMonitor): {
  /** Rejects with its last words if it ends by itself. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
} {
  const child = spawn(venv, ["-c", SCRIPT, model, file, String(grpcPort), String(metricsPort)], {
    stdio: ["pipe", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = new Promise<void>((done, failed) => {
    child.on("error", failed);
    child.on("exit", (code) =>
      code === 0 ? done() : failed(new Error(`hermes ended with ${code}: ${said}`)),
    );
  });
  // It is looked at when it is stopped, or raced with.
  ended.catch(() => undefined);
  return {
    ended,
    stop() {
      child.stdin.end("\n");
      return ended;
    },
  };
}
