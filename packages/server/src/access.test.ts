import { execFileSync, spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serveProcesses } from "./processes/serve-processes.ts";
import { createServer, type InferenceServer } from "./server.ts";
import type { ServerOptions } from "./server-options.ts";
import { scaler, type TinyRepository, tinyRepository } from "./testing/tiny-repository.ts";

const io = `input [ { name: "x" data_type: TYPE_FP32 dims: [2] } ] output [ { name: "y" data_type: TYPE_FP32 dims: [2] } ]`;

/** An empty message is a request of every method that is asked here. */
function call(client: Client, path: string, token?: string): Promise<number> {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
  return new Promise((resolve) =>
    client.makeUnaryRequest(
      path,
      () => Buffer.alloc(0),
      (bytes: Buffer) => bytes,
      null,
      metadata,
      { deadline: Date.now() + 5000 },
      (error: ServiceError | null) => resolve(error?.code ?? status.OK),
    ),
  );
}
const rpc = (name: string): string => `/inference.GRPCInferenceService/${name}`;

type Addresses = Pick<InferenceServer, "grpcAddress" | "httpAddress" | "metricsAddress" | "close">;

function serve(options: ServerOptions, processes: number): Promise<Addresses> {
  return processes === 1 ? createServer(options) : serveProcesses(options, processes);
}

describe.each([1, 2])("who may do what, by %i processes", (processes) => {
  let repository: TinyRepository;
  let server: Addresses;
  let client: Client;

  beforeAll(async () => {
    repository = await tinyRepository([scaler("net", 2, io, [2])]);
    const tokens = [
      { token: "reader", role: "read" },
      { token: "keeper", role: "admin" },
    ] as const;
    const options = { repository: repository.path, workers: 1, modelControl: "explicit", tokens } as const;
    server = await serve(options, processes);
    client = new Client(server.grpcAddress, credentials.createInsecure());
  });
  afterAll(async () => {
    client.close();
    await server.close();
    await repository.remove();
  });

  it.each([
    ["ServerMetadata", undefined, status.UNAUTHENTICATED],
    ["ServerMetadata", "wrong", status.UNAUTHENTICATED],
    ["ServerMetadata", "reader", status.OK],
    ["ModelInfer", undefined, status.UNAUTHENTICATED],
    ["ModelInfer", "reader", status.NOT_FOUND],
    ["RepositoryIndex", "reader", status.OK],
    ["RepositoryModelLoad", "reader", status.PERMISSION_DENIED],
    ["RepositoryModelUnload", "keeper", status.OK],
    ["SystemSharedMemoryRegister", "reader", status.PERMISSION_DENIED],
    ["SystemSharedMemoryUnregister", "keeper", status.OK],
    ["LogSettings", "reader", status.PERMISSION_DENIED],
    ["TraceSetting", "keeper", status.OK],
    ["ServerLive", undefined, status.OK],
  ])("gRPC %s with token %s: status %i", async (name, token, code) => {
    expect(await call(client, rpc(name), token)).toBe(code);
  });

  it("tells anybody whether it is there", async () => {
    expect(await call(client, "/grpc.health.v1.Health/Check")).toBe(status.OK);
    expect((await fetch(`${server.httpAddress}/v2/health/ready`)).status).toBe(200);
  });

  it.each<[string, string, string | undefined, number]>([
    ["GET", "/v2", undefined, 401],
    ["GET", "/v2", "reader", 200],
    ["GET", "/v2/models/net", "reader", 404],
    ["POST", "/v2/repository/index", "reader", 200],
    ["POST", "/v2/repository/models/net/load", undefined, 401],
    ["POST", "/v2/repository/models/net/load", "reader", 403],
    ["POST", "/v2/repository/models/net/unload", "keeper", 200],
    ["POST", "/v2/logging", "reader", 403],
    ["GET", "/v2/logging", "reader", 200],
    ["POST", "/v2/systemsharedmemory/unregister", "reader", 403],
    ["POST", "/v2/models/net/trace/setting", "reader", 403],
    ["POST", "/v2%2Flogging", "reader", 403],
  ])("HTTP %s %s with token %s: %i", async (method, path, token, code) => {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `bearer ${token}` };
    const response = await fetch(`${server.httpAddress}${path}`, { method, headers });
    expect(response.status).toBe(code);
    await response.arrayBuffer();
  });

  it("shows metrics to those who may read", async () => {
    const scrape = (headers: Record<string, string>) => fetch(`${server.metricsAddress}`, { headers });
    expect((await scrape({})).status).toBe(401);
    expect((await scrape({ authorization: "Bearer reader" })).status).toBe(200);
  });

  it("opens no address to others without knowing them, unless told to", async () => {
    const open = {
      repository: repository.path,
      workers: 1,
      modelControl: "explicit",
      host: "0.0.0.0",
    } as const;
    await expect(createServer(open)).rejects.toMatchObject({
      tag: "invalid-option",
      message: expect.stringContaining("insecure"),
    });
    const tokens = [{ token: "with space", role: "read" as const }];
    await expect(createServer({ ...open, tokens })).rejects.toMatchObject({ tag: "invalid-option" });
  });
});

const openssl = spawnSync("openssl", ["version"]).status === 0;
const withTls = describe.skipIf(!openssl && process.env.STRAINFLOW_REQUIRE !== "all");

withTls.each([1, 2])("TLS by %i processes (needs openssl)", (processes) => {
  let folder: string;
  let repository: TinyRepository;
  let server: Addresses;
  const file = (name: string): string => join(folder, name);
  const certificate = (name: string): void => {
    const args =
      "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=strainflow-test";
    const more = [
      "-addext",
      "subjectAltName=IP:127.0.0.1",
      "-keyout",
      file(`${name}.key`),
      "-out",
      file(`${name}.pem`),
    ];
    execFileSync("openssl", [...args.split(" "), ...more], { stdio: "ignore" });
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "strainflow-tls-"));
    for (const name of ["server", "client", "stranger"]) certificate(name);
    repository = await tinyRepository([scaler("net", 2, io, [2])]);
    const tls = {
      certificate: file("server.pem"),
      key: file("server.key"),
      clientAuthorities: file("client.pem"),
    };
    server = await serve({ repository: repository.path, workers: 1, tls }, processes);
  });
  afterAll(async () => {
    await server.close();
    await repository.remove();
    await rm(folder, { recursive: true });
  });

  const asked = async (who?: string): Promise<number> => {
    const ca = await readFile(file("server.pem"));
    const own =
      who === undefined ? [] : [await readFile(file(`${who}.key`)), await readFile(file(`${who}.pem`))];
    const client = new Client(server.grpcAddress, credentials.createSsl(ca, own[0], own[1]));
    const code = await call(client, rpc("ServerMetadata"));
    client.close();
    return code;
  };
  const got = async (address: string | undefined, who?: string): Promise<number | string> => {
    const ca = await readFile(file("server.pem"));
    const own =
      who === undefined
        ? {}
        : { key: await readFile(file(`${who}.key`)), cert: await readFile(file(`${who}.pem`)) };
    return new Promise((resolve) => {
      const sent = request(`${address}`, { ca, ...own, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      sent.on("error", () => resolve("refused"));
      sent.end();
    });
  };

  it("serves those whose certificate it knows, over gRPC, HTTP and for metrics", async () => {
    expect(server.httpAddress).toMatch(/^https:/);
    expect(await asked("client")).toBe(status.OK);
    expect(await got(`${server.httpAddress}/v2`, "client")).toBe(200);
    expect(await got(server.metricsAddress, "client")).toBe(200);
  });

  it.each([undefined, "stranger"])("serves nobody else: %s", async (who) => {
    expect(await asked(who)).toBe(status.UNAVAILABLE);
    expect(await got(`${server.httpAddress}/v2`, who)).toBe("refused");
  });

  it("names a file that it cannot read", async () => {
    const tls = { certificate: file("nowhere.pem"), key: file("server.key") };
    await expect(createServer({ repository: repository.path, tls })).rejects.toMatchObject({
      tag: "tls-not-readable",
      message: expect.stringContaining("nowhere.pem"),
    });
  });
});
