import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer as createHttp } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GRPCInferenceService } from "@strainflow/proto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readTokens } from "./access.ts";
import { createServer, type InferenceServer } from "./server.ts";
import type { ServerOptions } from "./server-options.ts";
import { float32, RawClient, sequence } from "./testing/raw-client.ts";
import {
  accumulator,
  BATCH,
  scaler,
  snapshotter,
  type TinyRepository,
  tinyRepository,
} from "./testing/tiny-repository.ts";

const io = `input [ { name: "x" data_type: TYPE_FP32 dims: [2] } ] output [ { name: "y" data_type: TYPE_FP32 dims: [2] } ]`;

describe("what an operator asks of the server", () => {
  let repository: TinyRepository;
  let folder: string;
  const open: { close(): unknown }[] = [];

  const start = async (options: Partial<ServerOptions>): Promise<InferenceServer> => {
    const server = await createServer({ repository: repository.path, workers: 1, ...options });
    open.push(server);
    return server;
  };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "strainflow-operations-"));
    const broken = scaler("broken", 1, io, [2]);
    const initial = snapshotter("stateless").config.replace("zero_data: true", 'data_file: "nowhere"');
    repository = await tinyRepository([
      scaler("net", 2, io, [2]),
      accumulator("sums"),
      { ...broken, versions: { "1": Buffer.from("this is no ONNX file") } },
      { ...snapshotter("stateless"), config: initial },
      { ...scaler("missing", 1, io, [2]), versions: {} },
      { name: "garbled", config: "this is { no configuration", versions: { "1": new Uint8Array() } },
    ]);
  });
  afterAll(async () => {
    for (const one of open) await one.close();
    await repository.remove();
    await rm(folder, { recursive: true, force: true });
  });
  const explicit = { modelControl: "explicit", startupModels: ["net", "sums"] } as const;

  it("writes its log as lines of JSON where asked to, whatever a name holds", async () => {
    const lines: string[] = [];
    const server = await start({ ...explicit, logForm: "json", log: (line) => lines.push(line) });
    const client = new RawClient(server.grpcAddress);
    const parameters = sequence('a "quoted"\nname', { start: true });
    const inputs = [{ name: "update", datatype: "FP32", shape: [BigInt(BATCH), 1n] }];
    const rawInputContents = [float32(new Array<number>(BATCH).fill(0))];
    for (let i = 0; i < 2; i++)
      await client.infer({ modelName: "sums", parameters, inputs, rawInputContents });
    client.close();
    expect(lines.length).toBeGreaterThan(0);
    const read = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const line of read) {
      expect(Object.keys(line)).toEqual(["time", "severity", "pid", "message"]);
      expect(Number.isNaN(Date.parse(String(line["time"])))).toBe(false);
    }
    expect(read.find(({ message }) => String(message).includes('a "quoted"\nname'))?.["severity"]).toBe(
      "warning",
    );
  });

  it("pushes its metrics at an interval, and the last of them when it closes", async () => {
    const pushed: { url: string; body: string }[] = [];
    const lines: string[] = [];
    let code = 200;
    const gateway = createHttp(async (request, response) => {
      let body = "";
      for await (const part of request) body += String(part);
      pushed.push({ url: `${request.method} ${request.url}`, body });
      response.writeHead(code).end();
    });
    await new Promise<void>((resolve) => gateway.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}/`;
    const server = await createServer({
      repository: repository.path,
      workers: 1,
      ...explicit,
      log: (line) => lines.push(line),
      pushMetrics: { url, intervalMs: 20, instance: "a/b" },
    });
    await expect.poll(() => pushed.length).toBeGreaterThan(1);
    code = 500;
    await expect.poll(() => lines.filter((line) => line.includes("takes no metrics")).length).toBe(1);
    const client = new RawClient(server.grpcAddress);
    const inputs = [{ name: "x", datatype: "FP32", shape: [2n] }];
    await client.infer({ modelName: "net", inputs, rawInputContents: [float32([1, 2])] });
    client.close();
    await server.close();
    const instance = Buffer.from("a/b").toString("base64url");
    expect(new Set(pushed.map((push) => push.url))).toEqual(
      new Set([`PUT /metrics/job/strainflow_server/instance@base64/${instance}`]),
    );
    expect(pushed.at(-1)?.body).toContain('nv_inference_request_success{model="net",version="1"} 1');
    gateway.closeAllConnections();
    await new Promise((resolve) => gateway.close(resolve));
    await expect(start({ ...explicit, pushMetrics: { url: "gateway:9091" } })).rejects.toThrow(
      "http://127.0.0.1:9091",
    );
  });

  it("takes so many sequences of a model, and no more", async () => {
    const server = await start({ ...explicit, maxSequences: 3 });
    const model = server.inProcess("sums");
    const told: string[] = [];
    const call = model.open({
      response: ({ error }) => void told.push(error?.message ?? "done"),
      lost: () => {},
    });
    const send = (id: bigint, flags = {}): unknown =>
      call.send({
        id: "",
        inputs: { update: { datatype: "FP32", shape: [BATCH, 1], data: new Float32Array(BATCH) } },
        sequence: { id, start: true, end: false, ...flags },
      });
    // Two have slots, a third waits, a fourth is too many.
    for (const id of [1n, 2n, 3n, 4n]) send(id);
    send(1n, { start: false, end: true });
    send(2n, { start: false, end: true });
    await expect.poll(() => told.length).toBe(6);
    expect(told.filter((text) => text !== "done")).toEqual([expect.stringContaining("3 sequences are open")]);
    send(4n);
    await expect.poll(() => told.length).toBe(7);
    expect(told.at(-1)).toBe("done");
    call.cancel();
  });

  it("takes so many connections over HTTP, and closes the others", async () => {
    const server = await start({ ...explicit, maxConnections: 2 });
    const port = Number(new URL(server.httpAddress ?? "").port);
    const sockets: Socket[] = [];
    const closed = (socket: Socket) =>
      new Promise<boolean>((resolve) => socket.once("close", () => resolve(true)));
    for (let i = 0; i < 3; i++) {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {});
      sockets.push(socket);
      await new Promise((resolve) => socket.once("connect", resolve));
    }
    const [first, , third] = sockets;
    if (first === undefined || third === undefined) throw new Error("three sockets");
    third.resume();
    expect(await closed(third)).toBe(true);
    first.write("GET /v2/health/live HTTP/1.1\r\nhost: x\r\n\r\n");
    expect(String(await new Promise((resolve) => first.once("data", resolve)))).toMatch(/^HTTP\/1.1 200/);
    // And headers of so many bytes.
    first.write(`GET /v2/health/live HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(100_000)}\r\n\r\n`);
    expect(String(await new Promise((resolve) => first.once("data", resolve)))).toMatch(/^HTTP\/1.1 431/);
    for (const socket of sockets) socket.destroy();
  });

  it("tells clients no path of this machine, however a load fails", async () => {
    const server = await start(explicit);
    const client = new RawClient(server.grpcAddress);
    const { method } = GRPCInferenceService;
    const said: string[] = [];
    const names = [
      "broken",
      "stateless",
      "missing",
      "garbled",
      "nowhere",
      "..",
      "../net",
      "/etc",
      "net/1",
      "a\0b",
      "",
    ];
    for (const modelName of names) {
      const failed = await client.unary(method.repositoryModelLoad, { modelName }).then(
        () => "loaded",
        (error: unknown) => String(error),
      );
      expect([modelName, failed]).not.toEqual([modelName, "loaded"]);
      said.push(failed);
      const overHttp = await fetch(
        `${server.httpAddress}/v2/repository/models/${encodeURIComponent(modelName)}/load`,
        { method: "POST" },
      );
      expect([modelName, overHttp.status]).not.toEqual([modelName, 200]);
      said.push(await overHttp.text());
    }
    const { models } = await client.unary(method.repositoryIndex, {});
    said.push(...models.map(({ reason }) => reason));
    expect(said.filter((text) => text.includes(repository.path) || text.includes(process.cwd()))).toEqual([]);
    expect(said.some((text) => text.includes("initial_state/nowhere"))).toBe(true);
    client.close();
  });

  it("takes tokens from a file, and says which line is none", async () => {
    const path = join(folder, "tokens");
    await writeFile(path, "# who\nread abc\n\n admin   xyz \n");
    expect(await readTokens(path)).toEqual([
      { role: "read", token: "abc" },
      { role: "admin", token: "xyz" },
    ]);
    await appendFile(path, "root abc\n");
    await expect(readTokens(path)).rejects.toThrow(/line 5/);
    expect(await readFile(path, "utf8")).toContain("root");
    await writeFile(path, "# nobody\n");
    await expect(readTokens(path)).rejects.toThrow("has no tokens");
    await expect(readTokens(join(folder, "none"))).rejects.toThrow("cannot be read");
  });
});
