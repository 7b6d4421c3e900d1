import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "./free-port.ts";

const required = process.env["STRAINFLOW_REQUIRE"] === "all";

function find(name: string): string | undefined {
  const built = resolve(import.meta.dirname, "../../.cache/bin", name);
  if (existsSync(built)) return built;
  return spawnSync(name, ["-h"]).error === undefined ? name : undefined;
}

const versitygw = find("versitygw");
const fakeGcs = find("fake-gcs-server");

/** Whether tests on object stores are to be skipped; where everything is required they run, and fail. */
export const withoutStores: boolean = (versitygw === undefined || fakeGcs === undefined) && !required;

export interface StoreServer extends AsyncDisposable {
  /** `http://127.0.0.1:port` or `https://…` */
  readonly endpoint: string;
  /** The folder that holds buckets, where there is one. */
  readonly folder: string;
  readonly child: ChildProcess;
}

/** What versitygw takes; none of it may be seen in a log. */
export const keys = { accessKeyId: "AKSTRAINFLOWTEST", secretAccessKey: "s3cret/with+special=characters" };

/** A real S3 gateway over a folder, with one bucket. */
export async function startS3(
  bucket: string,
  tls?: { readonly cert: string; readonly key: string },
): Promise<StoreServer> {
  const folder = await mkdtemp(join(tmpdir(), "strainflow-s3-"));
  mkdirSync(join(folder, "data", bucket), { recursive: true });
  mkdirSync(join(folder, "iam"));
  const port = await freePort();
  return started(
    folder,
    `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    spawn(
      versitygw ?? "versitygw",
      [
        ...["--access", keys.accessKeyId, "--secret", keys.secretAccessKey, "--quiet"],
        ...["--port", `127.0.0.1:${port}`, "--iam-dir", join(folder, "iam")],
        ...(tls === undefined ? [] : ["--cert", tls.cert, "--key", tls.key]),
        // Not every file system that tests run on has extended attributes.
        ...["posix", "--sidecar", sidecarOf(folder), join(folder, "data")],
      ],
      { stdio: ["ignore", "ignore", "pipe"] },
    ),
  );
}

/** A stand-in for Google Cloud Storage in memory. */
export async function startGcs(): Promise<StoreServer> {
  const folder = await mkdtemp(join(tmpdir(), "strainflow-gcs-"));
  const port = await freePort();
  const args = ["-scheme", "http", "-host", "127.0.0.1", "-port", String(port), "-backend", "memory"];
  return started(
    folder,
    `http://127.0.0.1:${port}`,
    spawn(fakeGcs ?? "fake-gcs-server", [...args, "-public-host", `127.0.0.1:${port}`], {
      stdio: ["ignore", "ignore", "pipe"],
    }),
  );
}

/** Makes a bucket on {@link startGcs}'s server. */
async function makeGcsBucket({ endpoint }: StoreServer, name: string): Promise<void> {
  const made = await fetch(`${endpoint}/storage/v1/b?project=test`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name }),
  });
  if (!made.ok) throw new Error(`the bucket could not be made: ${made.status} ${await made.text()}`);
}

/** One of each kind with a bucket `models`, and the environment that opens them. */
export interface Stores extends AsyncDisposable {
  readonly s3: StoreServer;
  readonly gcs: StoreServer;
  /** For what a test writes; gone with the stores. */
  readonly folder: string;
}

/** Starts both. The environment is as it was when they end, whatever tests made of it. */
export async function startStores(): Promise<Stores> {
  const before = { ...process.env };
  process.env["AWS_ACCESS_KEY_ID"] = keys.accessKeyId;
  process.env["AWS_SECRET_ACCESS_KEY"] = keys.secretAccessKey;
  const folder = await mkdtemp(join(tmpdir(), "strainflow-stores-"));
  const [s3, gcs] = await Promise.all([startS3("models"), startGcs()]);
  await makeGcsBucket(gcs, "models");
  return {
    s3,
    gcs,
    folder,
    async [Symbol.asyncDispose]() {
      process.env = before;
      await Promise.all([s3[Symbol.asyncDispose](), gcs[Symbol.asyncDispose]()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function sidecarOf(folder: string): string {
  const sidecar = join(folder, "sidecar");
  mkdirSync(sidecar);
  return sidecar;
}

async function started(folder: string, endpoint: string, child: ChildProcess): Promise<StoreServer> {
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-2000);
  });
  const ended = new Promise<void>((settle) => {
    child.on("close", () => settle());
    child.on("error", () => settle());
  });
  const stop = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  for (let waited = 0; !(await answers(endpoint)); waited += 50) {
    if (child.exitCode !== null || waited > 20_000) {
      await stop();
      throw new Error(`the store did not start: ${said}`);
    }
    await sleep(50);
  }
  return { endpoint, folder, child, [Symbol.asyncDispose]: stop };
}

async function answers(endpoint: string): Promise<boolean> {
  const { connect } = await import("node:net");
  const { hostname, port } = new URL(endpoint);
  return new Promise((settle) => {
    const socket = connect(Number(port), hostname, () => {
      socket.destroy();
      settle(true);
    });
    socket.on("error", () => settle(false));
  });
}
