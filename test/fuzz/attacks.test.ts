import { once } from "node:events";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  constants,
} from "node:http2";
import { connect, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { GRPCInferenceService } from "@strainflow/proto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TWINS, type TwinRepository, writeTwins } from "../conformance/models/write-twins.ts";
import { float32, floats } from "../conformance/wire/bytes.ts";
import { inferRequest } from "../conformance/wire/messages.ts";
import { RawGrpc } from "../conformance/wire/raw-grpc.ts";
import { http } from "../conformance/wire/raw-http.ts";
import { MOST_GROWTH, MOST_SILENCE_MS, SHARDS } from "./effort.ts";
import { type FuzzedServer, startFuzzedServer } from "./fuzzed-server.ts";

/** A tenth of it in `npm test`. */
const TIMES = SHARDS.length;
const LIMIT = 4 * 2 ** 20;
const wait = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Ends with it, by an error or not. */
const closed = (what: Socket | ClientHttp2Stream): Promise<void> =>
  new Promise((done) => what.once("close", () => done()));

/** What a client without good manners does. Meanwhile, and after it, the server serves. */
describe("attacks", () => {
  let repository: TwinRepository;
  let server: FuzzedServer;

  beforeAll(async () => {
    repository = await writeTwins(
      "onnx",
      TWINS.filter(({ name }) => name === "variable"),
    );
    server = await startFuzzedServer(repository.path, { workers: 1, maxMessageSize: LIMIT });
    for (let i = 0; i < 50; i++) await works();
  }, 120_000);
  afterAll(async () => {
    await server?.stop();
    await repository?.remove();
  });

  /** Both fronts answer with the right numbers. */
  async function works(): Promise<void> {
    server.checkAlive();
    const client = new RawGrpc(server.grpc);
    const read = await client.infer(inferRequest("variable", [["x", "FP32", [1, 2], float32(1, 2)]]));
    expect(floats(read, "y")).toEqual([2, 3]);
    client.close();
    const body = { inputs: [{ name: "x", datatype: "FP32", shape: [1, 1], data: [4] }] };
    const answer = await http(server.http, "/v2/models/variable/infer", { body });
    expect(JSON.parse(answer.text)).toMatchObject({ outputs: [{ data: [5] }] });
  }

  async function withstands(attack: () => Promise<void>): Promise<void> {
    const before = server.memory();
    await server.longestSilenceMs();
    await attack();
    await works();
    expect(await server.longestSilenceMs()).toBeLessThan(MOST_SILENCE_MS);
    expect((await server.settledMemory(before + MOST_GROWTH)) - before).toBeLessThan(MOST_GROWTH);
  }

  async function socket(address: string): Promise<Socket> {
    const [host = "", port = ""] = address.replace("http://", "").split(":");
    const made = connect(Number(port), host);
    made.on("error", () => {});
    await once(made, "connect");
    return made;
  }

  async function session(): Promise<ClientHttp2Session> {
    const made = connectHttp2(`http://${server.grpc}`);
    made.on("error", () => {});
    await once(made, "connect");
    return made;
  }

  /** Attacks go as fast as the server takes them: what is sent on a connection has been read when it answers a ping. */
  const taken = (attacker: ClientHttp2Session): Promise<void> =>
    new Promise((done) => {
      attacker.once("close", () => done());
      if (attacker.destroyed || attacker.closed || !attacker.ping(() => done())) done();
    });

  const call = { ":method": "POST", "content-type": "application/grpc", te: "trailers" } as const;
  const streaming = { ...call, ":path": "/inference.GRPCInferenceService/ModelStreamInfer" };
  const unary = { ...call, ":path": "/inference.GRPCInferenceService/ModelInfer" };

  const slowly = async (): Promise<void> => {
    const head = "POST /v2/models/variable/infer HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n";
    const sockets: Socket[] = [];
    const preface: Socket[] = [];
    for (let group = 0; group < 4 * TIMES; group++) {
      sockets.push(...(await Promise.all(Array.from({ length: 50 }, () => socket(server.http)))));
      preface.push(...(await Promise.all(Array.from({ length: 50 }, () => socket(server.grpc)))));
    }
    for (let i = 0; i < 40; i++) {
      for (const [index, slow] of sockets.entries())
        slow.write(index % 2 === 0 ? (head[i] ?? "x") : i === 0 ? head : "{");
      for (const slow of preface) slow.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[i] ?? "");
      await wait(25);
    }
    await works();
    for (const slow of [...sockets, ...preface]) slow.destroy();
  };

  it("hundreds of connections that send a byte now and then", async () => {
    // Once before it is measured: buffers for thousands of connections stay with the allocator, and serve the next ones.
    await slowly();
    await withstands(slowly);
  }, 120_000);

  it(
    "calls that are reset as soon as they are made",
    () =>
      withstands(async () => {
        for (let round = 0; round < 20 * TIMES; round++) {
          const attacker = await session();
          for (let i = 0; i < 500 && !attacker.destroyed && !attacker.closed; i++) {
            const stream = attacker.request(i % 2 === 0 ? streaming : unary);
            stream.on("error", () => {});
            stream.close(constants.NGHTTP2_CANCEL);
          }
          await taken(attacker);
          attacker.destroy();
        }
      }),
    120_000,
  );

  it(
    `${1000 * TIMES} streams that say nothing`,
    () =>
      withstands(async () => {
        const sessions: ClientHttp2Session[] = [];
        const streams: ClientHttp2Stream[] = [];
        for (let i = 0; i < 10 * TIMES; i++) {
          const attacker = await session();
          sessions.push(attacker);
          for (let j = 0; j < 100; j++) {
            const stream = attacker.request(streaming);
            stream.on("error", () => {});
            streams.push(stream);
          }
          await taken(attacker);
        }
        await wait(500);
        await works();
        expect(streams.every(({ closed }) => !closed)).toBe(true);
        for (const attacker of sessions) attacker.destroy();
        await wait(500);
      }),
    120_000,
  );

  it(
    "bodies that grow a thousandfold when they are unpacked",
    () =>
      withstands(async () => {
        const bomb = gzipSync(Buffer.alloc(256 * 2 ** 20));
        for (let i = 0; i < 5 * TIMES; i++) {
          const headers = { "content-encoding": "gzip" };
          const answers = await Promise.all(
            Array.from({ length: 4 }, () =>
              http(server.http, "/v2/models/variable/infer", { body: bomb, headers }),
            ),
          );
          for (const { status, text } of answers)
            expect([status, text]).toEqual([400, expect.stringContaining(`larger than ${LIMIT} bytes`)]);
        }
        for (let i = 0; i < 5 * TIMES; i++) expect(await grpcBomb(bomb)).toBe("8");
      }),
    120_000,
  );

  /** A compressed message, and the status that it gets. */
  async function grpcBomb(message: Uint8Array): Promise<string> {
    const attacker = await session();
    const stream = attacker.request({ ...unary, "grpc-encoding": "gzip" });
    let status = "none";
    stream.on("response", (headers) => {
      status = String(headers["grpc-status"] ?? status);
    });
    stream.on("trailers", (headers) => {
      status = String(headers["grpc-status"] ?? status);
    });
    stream.on("error", () => {});
    const prefix = Buffer.alloc(5);
    prefix[0] = 1;
    prefix.writeUInt32BE(message.byteLength, 1);
    stream.resume();
    stream.end(Buffer.concat([prefix, message]));
    await closed(stream);
    attacker.destroy();
    return status;
  }

  it(
    "messages longer than they may be, by what they say or by what they are",
    () =>
      withstands(async () => {
        const client = new RawGrpc(server.grpc);
        const large = inferRequest("variable", [["x", "FP32", [1, LIMIT], new Uint8Array(4 * LIMIT)]]);
        for (let i = 0; i < 5 * TIMES; i++)
          expect((await client.refused(large)).code).toBe("RESOURCE_EXHAUSTED");
        client.close();
        const claim = Buffer.of(0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3);
        for (let i = 0; i < 20 * TIMES; i++) {
          const attacker = await session();
          const stream = attacker.request(i % 2 === 0 ? unary : streaming);
          stream.on("error", () => {});
          stream.end(claim);
          stream.resume();
          await closed(stream);
          attacker.destroy();
        }
        const body = Buffer.alloc(4 * LIMIT, "[");
        for (let i = 0; i < 5 * TIMES; i++) {
          const answer = await http(server.http, "/v2/models/variable/infer", { body }).catch(
            () => undefined,
          );
          expect(answer?.status ?? 400).toBe(400);
        }
      }),
    120_000,
  );

  it(
    "headers without end, many of them, and none that are headers",
    () =>
      withstands(async () => {
        for (let i = 0; i < 10 * TIMES; i++) {
          const endless = await socket(server.http);
          endless.write(`GET /v2 HTTP/1.1\r\nhost: x\r\n${`a: ${"b".repeat(500)}\r\n`.repeat(400)}`);
          endless.resume();
          await Promise.race([closed(endless), wait(2000)]);
          endless.destroy();
          const noise = await socket(i % 2 === 0 ? server.http : server.grpc);
          noise.write(Buffer.from(Array.from({ length: 4096 }, (_, at) => (at * 31 + i * 7) % 256)));
          noise.resume();
          await Promise.race([closed(noise), wait(2000)]);
          noise.destroy();
        }
      }),
    120_000,
  );

  it(
    "JSON that is nested without end, and numbers without end",
    () =>
      withstands(async () => {
        const deep = `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,1],"data":${"[".repeat(500_000)}`;
        const closed = `${deep}${"]".repeat(500_000)}}]}`;
        const digits = `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,1],"data":[${"9".repeat(2_000_000)}]}]}`;
        const quotes = `{"inputs":"${'\\"1'.repeat(500_000)}`;
        for (let i = 0; i < 2 * TIMES; i++)
          for (const body of [deep, closed, digits, quotes]) {
            const answer = await http(server.http, "/v2/models/variable/infer", { body });
            expect([400, 500]).toContain(answer.status);
          }
      }),
    120_000,
  );

  it(
    "a thousand clients at once that leave before they are answered",
    () =>
      withstands(async () => {
        const client = new RawGrpc(server.grpc);
        const request = inferRequest("variable", [["x", "FP32", [200, 200], new Uint8Array(160_000)]]);
        for (let i = 0; i < TIMES; i++)
          await Promise.all(
            Array.from({ length: 500 }, (_, index) => client.inferAndCancel(request, index % 5)),
          );
        client.close();
        expect((await new RawGrpc(server.grpc).call(GRPCInferenceService.method.serverReady, {})).ready).toBe(
          true,
        );
      }),
    120_000,
  );
});
