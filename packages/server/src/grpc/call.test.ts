import { once } from "node:events";
import type { ClientHttp2Session, OutgoingHttpHeaders } from "node:http2";
import { deflateSync, gzipSync } from "node:zlib";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  GRPCInferenceService,
  ModelInferRequestSchema,
  ModelInferResponseSchema,
  ModelStreamInferResponseSchema,
} from "@strainflow/proto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createServer, type InferenceServer } from "../server.ts";
import {
  type CallEnd,
  ended,
  frame,
  MODEL_INFER,
  MODEL_STREAM_INFER,
  openCall,
  openSession,
} from "../testing/raw-call.ts";
import { float32, floats, RawClient, sequence } from "../testing/raw-client.ts";
import {
  CHANNELS,
  scaler,
  snapshotter,
  type TinyRepository,
  tinyRepository,
  UPDATE,
} from "../testing/tiny-repository.ts";

const STATUS = { ok: "0", deadline: "4", notFound: "5", exhausted: "8", unimplemented: "12", internal: "13" };
const LIMIT = 1.5 * 2 ** 20;
const io =
  "input [ { name: 'x' data_type: TYPE_FP32 dims: [-1] } ] output [ { name: 'y' data_type: TYPE_FP32 dims: [-1] } ]";

describe("calls, byte by byte", () => {
  let repository: TinyRepository;
  let server: InferenceServer;
  let session: ClientHttp2Session;

  beforeAll(async () => {
    repository = await tinyRepository([scaler("net", 2, io, ["n"]), snapshotter("snap")]);
    server = await createServer({
      repository: repository.path,
      workers: 1,
      httpPort: false,
      metricsPort: false,
      maxMessageSize: LIMIT,
      maxInFlight: 4,
    });
    session = openSession(server.grpcAddress);
  });
  afterAll(async () => {
    session?.destroy();
    await server?.close();
    await repository?.remove();
  });

  const encode = (request: MessageInitShape<typeof ModelInferRequestSchema>): Uint8Array =>
    toBinary(ModelInferRequestSchema, create(ModelInferRequestSchema, request));
  const doubling = (values: Float32Array, id = ""): Uint8Array =>
    encode({
      modelName: "net",
      id,
      inputs: [{ name: "x", datatype: "FP32", shape: [BigInt(values.length)] }],
      rawInputContents: [float32(values)],
    });
  const small = doubling(Float32Array.of(1, 2, 3));

  function call(path: string, headers: OutgoingHttpHeaders, ...chunks: Uint8Array[]): Promise<CallEnd> {
    const stream = openCall(session, path, headers);
    for (const chunk of chunks) stream.write(chunk);
    stream.end();
    return ended(stream);
  }
  const unary = (...chunks: Uint8Array[]): Promise<CallEnd> => call(MODEL_INFER, {}, ...chunks);
  const streamed = (...chunks: Uint8Array[]): Promise<CallEnd> => call(MODEL_STREAM_INFER, {}, ...chunks);
  const doubled = (message: Uint8Array | undefined): number[] =>
    floats(fromBinary(ModelInferResponseSchema, message ?? new Uint8Array()));
  const streamedIds = ({ messages }: CallEnd): (string | undefined)[] =>
    messages.map((message) => fromBinary(ModelStreamInferResponseSchema, message).inferResponse?.id);

  it("answer with a message, and with their status in trailers", async () => {
    const answered = await unary(frame(small));
    expect(answered).toMatchObject({ httpStatus: 200, status: STATUS.ok, trailersOnly: false, resetCode: 0 });
    expect(answered.messages).toHaveLength(1);
    expect(doubled(answered.messages[0])).toEqual([2, 4, 6]);
  });

  it("take a message in any pieces", async () => {
    const bytes = frame(small);
    const stream = openCall(session, MODEL_INFER);
    for (const byte of bytes) {
      stream.write(Buffer.of(byte));
      await new Promise((next) => setImmediate(next));
    }
    stream.end();
    expect(doubled((await ended(stream)).messages[0])).toEqual([2, 4, 6]);
  });

  it("take and give messages of 1 MiB", async () => {
    const values = Float32Array.from({ length: 2 ** 18 }, (_, i) => i % 1000);
    const { messages } = await unary(frame(doubling(values)));
    expect(doubled(messages[0])).toEqual(Array.from(values, (value) => 2 * value));
  });

  it.each<[string, () => Promise<CallEnd>, string, RegExp]>([
    ["no message", () => unary(), STATUS.unimplemented, /no request message/],
    ["two messages", () => unary(frame(small), frame(small)), STATUS.unimplemented, /second request message/],
    ["half a message", () => unary(frame(small).subarray(0, 20)), STATUS.internal, /ends before its length/],
    ["half a prefix", () => unary(Buffer.alloc(3)), STATUS.internal, /ends before its length/],
    ["half a message on a stream", () => streamed(Buffer.alloc(3)), STATUS.internal, /ends before/],
    ["unknown flags", () => unary(frame(small, 2)), STATUS.internal, /flags 2/],
    ["no such request", () => unary(frame(Buffer.of(0xff))), STATUS.internal, /not a ModelInferRequest/],
    [
      "no such message",
      () => call("/grpc.health.v1.Health/Check", {}, frame(Buffer.of(0xff))),
      STATUS.internal,
      /Error deserializing request/,
    ],
    [
      "an unknown method",
      () => call("/inference.GRPCInferenceService/Modèle", {}, frame(small)),
      STATUS.unimplemented,
      /^The server does not implement the method \/inference/,
    ],
    [
      "a message that is too large",
      () => unary(Buffer.of(0, 0, 0x20, 0, 0)),
      STATUS.exhausted,
      /^Received message larger than max \(2097152 vs 1572864\)$/,
    ],
  ])("end for %s", async (_, made, status, details) => {
    const end = await made();
    expect(end).toMatchObject({ httpStatus: 200, status, trailersOnly: true, messages: [], resetCode: 0 });
    expect(end.details).toMatch(details);
  });

  it("say in UTF-8 what was wrong, whatever it holds", async () => {
    for (const name of ["modèle 100%", "名", "a\nb", "\u0000", "x".repeat(50_000)]) {
      const end = await unary(frame(encode({ modelName: name })));
      expect(end.status).toBe(STATUS.notFound);
      expect(end.details).toBe(`Request for unknown model: '${name}' is not found`.slice(0, 2000));
    }
  });

  it.each([
    [{ "content-type": "text/plain" }, 415],
    [{ "content-type": "application/json" }, 415],
    [{ ":method": "GET" }, 405],
  ])("that are none of gRPC (%o) get HTTP's %i", async (headers, httpStatus) => {
    const stream = openCall(session, MODEL_INFER, headers);
    stream.end();
    expect(await ended(stream)).toMatchObject({ httpStatus, status: "", messages: [] });
  });

  describe("compressed", () => {
    const gzip = { "grpc-encoding": "gzip" };

    it("are unpacked, and their messages keep their order", async () => {
      const packed = gzipSync(small);
      for (const [headers, message] of [
        [gzip, packed],
        [{ "grpc-encoding": "deflate" }, deflateSync(small)],
      ] as const) {
        const { messages } = await call(MODEL_INFER, headers, frame(message, 1));
        expect(doubled(messages[0])).toEqual([2, 4, 6]);
      }
      // Messages of a call may be compressed or not, each by itself.
      const of = (id: number): Buffer => {
        const message = doubling(new Float32Array(id % 3 === 0 ? 20_000 : 3), String(id));
        return id % 2 === 0 ? frame(gzipSync(message), 1) : frame(message);
      };
      const bytes = Buffer.concat(Array.from({ length: 20 }, (_, id) => of(id)));
      const end = await call(MODEL_STREAM_INFER, gzip, bytes);
      expect(streamedIds(end)).toEqual(Array.from({ length: 20 }, (_, id) => String(id)));
      expect(end.status).toBe(STATUS.ok);
    });

    it.each<[string, OutgoingHttpHeaders, Uint8Array, string, RegExp]>([
      [
        "unknown",
        { "grpc-encoding": "snappy" },
        small,
        STATUS.unimplemented,
        /unsupported encoding "snappy"/,
      ],
      ["unnamed", {}, gzipSync(small), STATUS.internal, /without grpc-encoding/],
      ["damaged", gzip, small, STATUS.internal, /^Failed to decompress message$/],
      [
        "larger than the limit once unpacked",
        gzip,
        gzipSync(Buffer.alloc(LIMIT + 1)),
        STATUS.exhausted,
        /^Received message that decompresses to a size larger than 1572864$/,
      ],
    ])("end if that is %s", async (_, headers, message, status, details) => {
      for (const path of [MODEL_INFER, MODEL_STREAM_INFER]) {
        const end = await call(path, headers, frame(message, 1));
        expect(end).toMatchObject({ status, trailersOnly: true, messages: [] });
        expect(end.details).toMatch(details);
      }
    });
  });

  describe("with a deadline", () => {
    const update = (id: bigint, flags: Parameters<typeof sequence>[1]): Uint8Array =>
      encode({
        modelName: "snap",
        parameters: sequence(id, flags),
        inputs: [
          { name: "snapshot_update", datatype: "FP32", shape: [1n, BigInt(CHANNELS), BigInt(UPDATE)] },
        ],
        rawInputContents: [float32(new Float32Array(CHANNELS * UPDATE))],
      });

    it("end with it, and what they asked for is given up", async () => {
      expect((await unary(frame(update(1n, { start: true })))).status).toBe(STATUS.ok);
      // The only slot is taken: another sequence waits.
      const waiting = frame(update(2n, { start: true, end: true }));
      const late = { status: STATUS.deadline, details: "Deadline exceeded", trailersOnly: true };
      expect(await call(MODEL_INFER, { "grpc-timeout": "50m" }, waiting)).toMatchObject(late);
      expect(await call(MODEL_STREAM_INFER, { "grpc-timeout": "50m" }, waiting)).toMatchObject(late);
      expect((await unary(frame(update(1n, { end: true })))).status).toBe(STATUS.ok);
      expect((await unary(frame(update(3n, { start: true, end: true })))).status).toBe(STATUS.ok);
    });

    it("say so after what was answered", async () => {
      const stream = openCall(session, MODEL_STREAM_INFER, { "grpc-timeout": "200m" });
      stream.write(frame(small));
      const end = await ended(stream);
      expect(end).toMatchObject({ status: STATUS.deadline, trailersOnly: false });
      expect(end.messages).toHaveLength(1);
    });

    it.each(["", "1", "x", "-1m", "1.5S", "123456789m"])("end at once where %j is none", async (timeout) => {
      const end = await call(MODEL_INFER, { "grpc-timeout": timeout }, frame(small));
      expect(end).toMatchObject({
        status: STATUS.internal,
        details: `Invalid grpc-timeout value "${timeout}"`,
      });
    });

    it.each(["99999999H", "3M", "10S", "60000m", "60000000u"])(
      "have time enough with %s",
      async (timeout) => {
        const end = await call(MODEL_INFER, { "grpc-timeout": timeout }, frame(small));
        expect(end.status).toBe(STATUS.ok);
      },
    );
  });

  it("that are cancelled are forgotten, and their connection serves on", async () => {
    const kinds: readonly (readonly [string, OutgoingHttpHeaders])[] = [
      [MODEL_INFER, {}],
      [MODEL_STREAM_INFER, {}],
      [MODEL_INFER, { "content-type": "text/plain" }],
      ["/no/method", { "grpc-timeout": "1m" }],
    ];
    for (let i = 0; i < 40; i++) {
      const [path, headers] = kinds[i % kinds.length] ?? [MODEL_INFER, {}];
      const stream = openCall(session, path, headers);
      stream.write(frame(small));
      if (i % 3 === 0) await new Promise((next) => setTimeout(next, 2));
      stream.close(8);
    }
    expect(doubled((await unary(frame(small))).messages[0])).toEqual([2, 4, 6]);
  });

  it("of a client that does not read are not read on either, until it does", async () => {
    const client = new RawClient(server.grpcAddress);
    const ran = async (): Promise<number> => {
      const { modelStats } = await client.unary(GRPCInferenceService.method.modelStatistics, { name: "net" });
      return Number(modelStats[0]?.inferenceCount);
    };
    const before = await ran();
    const stream = openCall(session, MODEL_STREAM_INFER);
    const count = 150;
    for (let id = 0; id < count; id++)
      stream.write(frame(doubling(new Float32Array(2 ** 14).fill(id), String(id))));
    stream.end();
    await once(stream, "response");
    let last = -1;
    for (let now = await ran(); now !== last; now = await ran()) {
      last = now;
      await new Promise((done) => setTimeout(done, 100));
    }
    // 1 MiB that waits to go out, what fits the client's window and the system's buffers, and those under way.
    expect(last - before).toBeLessThan(100);
    const end = await ended(stream);
    expect(streamedIds(end)).toEqual(Array.from({ length: count }, (_, id) => String(id)));
    // Answers lie in memory that was used before: none of them has a number of another one.
    for (const [id, message] of end.messages.entries()) {
      const { inferResponse } = fromBinary(ModelStreamInferResponseSchema, message);
      expect(new Set(floats(inferResponse))).toEqual(new Set([2 * id]));
    }
    client.close();
  });
});
