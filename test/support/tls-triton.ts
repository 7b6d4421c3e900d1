import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "@strainflow/triton";
import { tritonCommand } from "../../packages/launch/src/triton-command.ts";
import type { Authority } from "../../packages/triton/src/testing/authority.ts";
import { freePort } from "./free-port.ts";
import { tritonHome } from "./real-triton.ts";

export interface TlsTriton {
  /** `grpcs://host:port`; it wants to see a certificate of the authority's. */
  readonly address: string;
  close(): Promise<void>;
}

/**
 * Starts a real Triton whose gRPC speaks TLS, both sides with certificates; it is ready when this resolves.
 *
 * @param more other arguments of it
 */
export async function startTlsTriton(
  repository: string,
  authority: Authority,
  more: readonly string[] = [],
): Promise<TlsTriton> {
  const folder = await mkdtemp(join(tmpdir(), "strainflow-tls-"));
  const { cert, key } = authority.issue("127.0.0.1");
  const file = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  const [grpc, http] = [await freePort(), await freePort()];
  const id = `strainflow-${randomUUID()}`;
  const command = await tritonCommand(
    {
      runtime: "triton",
      repository,
      ...(tritonHome === undefined ? {} : { python: tritonHome }),
      serverArgs: [
        ...more,
        "--grpc-use-ssl-mutual=true",
        `--grpc-server-cert=${await file("server.pem", cert)}`,
        `--grpc-server-key=${await file("server.key", key)}`,
        `--grpc-root-cert=${await file("authority.pem", authority.cert)}`,
      ],
    },
    "127.0.0.1",
    { grpc, http, metrics: false },
    id,
  );
  // In a group of its own, with what its python backend starts.
  const child = spawn(command.file, command.args, { env: command.env, stdio: "ignore", detached: true });
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  async function close(): Promise<void> {
    if (child.pid !== undefined) {
      try {
        process.kill(-child.pid, "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    }
    await ended;
    for (const leftover of [folder, ...command.leftovers.folders])
      await rm(leftover, { recursive: true, force: true });
    for (const name of await readdir("/dev/shm"))
      if (name.startsWith(id)) await rm(join("/dev/shm", name), { force: true });
  }
  try {
    // gRPC listens before HTTP does.
    const client = await connect(`http://127.0.0.1:${http}`, { waitMs: 60_000 });
    client.close();
    return { address: `grpcs://127.0.0.1:${grpc}`, close };
  } catch (error) {
    await close();
    throw error;
  }
}
