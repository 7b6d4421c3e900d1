import { createServer as createHttpServer } from "node:http";
import {
  createServer as createHttp2Server,
  createSecureServer,
  type Http2SecureServer,
  type Http2Server,
  type ServerHttp2Stream,
} from "node:http2";
import { createServer, type Server } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { selfSigned } from "../testing/certificate.ts";
import { parseAddress } from "./address.ts";
import { framed } from "./grpc-frames.ts";
import { createTransportPool } from "./pool.ts";
import { TRANSPORTS, type Transport, type TransportEvents } from "./transport.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

async function portOf(server: Server | Http2Server | Http2SecureServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("no port");
  return bound.port;
}

const REQUEST = framed(new Uint8Array([1, 2, 3]));

/** Answers with messages and trailers. */
function respond(stream: ServerHttp2Stream, body: Buffer, trailers: Record<string, string>): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  stream.end(body);
}

it("frames go to no server that speaks TLS and another protocol", async () => {
  const { cert, key } = selfSigned();
  const server = createTlsServer({ cert, key, ALPNProtocols: ["http/1.1"] }, (socket) => socket.resume());
  server.on("tlsClientError", () => undefined);
  const address = parseAddress(`grpcs://127.0.0.1:${await portOf(server)}`);
  const pool = createTransportPool(address, 1, { transport: "frames", rootCertificates: Buffer.from(cert) });
  cleanups.push(() => server.close(), pool.close);
  await expect(pool.next().ready(200)).rejects.toMatchObject({ tag: "server-unavailable" });
});

describe.each(TRANSPORTS)("over %s,", (transport) => {
  /** A peer of raw HTTP/2, which answers every stream as it is told. */
  async function peer(answer: (stream: ServerHttp2Stream, headers: Record<string, unknown>) => void) {
    const server = createHttp2Server();
    const sessions: { goaway(code?: number): void; destroy(): void }[] = [];
    server.on("session", (session) => sessions.push(session));
    server.on("stream", (stream, headers) => {
      stream.on("error", () => undefined);
      answer(stream, headers);
    });
    const connection = transportTo(await portOf(server));
    cleanups.push(() => {
      for (const session of sessions) session.destroy();
      server.close();
    });
    return { connection, sessions };
  }

  function transportTo(port: number): Transport {
    const headers = { authorization: "Bearer x", "trace-bin": "AQID" };
    const pool = createTransportPool(parseAddress(`127.0.0.1:${port}`), 1, { transport, headers });
    cleanups.push(pool.close);
    return pool.next();
  }

  describe("a call", () => {
    it("sends what gRPC asks for, and gives the message back", async () => {
      let sent: Record<string, unknown> = {};
      const { connection } = await peer((stream, headers) => {
        sent = headers;
        respond(stream, Buffer.concat([...framed(Buffer.from("answer"))]), { "grpc-status": "0" });
      });
      expect((await connection.unary("/a.B/C", REQUEST, { timeoutMs: 5000 })).toString()).toBe("answer");
      expect(sent).toMatchObject({
        ":method": "POST",
        ":path": "/a.B/C",
        te: "trailers",
        "content-type": "application/grpc",
        authorization: "Bearer x",
        "trace-bin": "AQID",
      });
      expect(sent["grpc-timeout"]).toMatch(/^\d+m$/);
    });

    it.each<[string, (stream: ServerHttp2Stream) => void, object]>([
      [
        "a status in trailers, percent-encoded",
        (stream) =>
          respond(stream, Buffer.alloc(0), {
            "grpc-status": "5",
            "grpc-message": "no %27net%27 \u00fcber".replace("\u00fc", "%C3%BC"),
          }),
        { status: "NOT_FOUND", details: "no 'net' über" },
      ],
      [
        "a status in headers alone",
        (stream) =>
          stream.respond({ ":status": 200, "grpc-status": "12", "grpc-message": "no" }, { endStream: true }),
        { status: "UNIMPLEMENTED", details: "no" },
      ],
      [
        "an HTTP status that is not gRPC's",
        (stream) => {
          stream.respond({ ":status": 503 });
          stream.end("busy");
        },
        { status: "UNAVAILABLE", details: expect.stringContaining("503") },
      ],
      [
        "an HTTP status without a meaning",
        (stream) => stream.respond({ ":status": 418 }, { endStream: true }),
        { status: "UNKNOWN" },
      ],
      ["a refusal of the stream", (stream) => stream.close(7), { status: "UNAVAILABLE" }],
      ["a cancellation", (stream) => stream.close(8), { status: "CANCELLED" }],
      ["another reset", (stream) => stream.close(2), { status: "INTERNAL" }],
      ["a lost connection", (stream) => stream.session?.destroy(), { status: "UNAVAILABLE" }],
      [
        "a compressed message",
        (stream) => respond(stream, Buffer.from([1, 0, 0, 0, 1, 7]), { "grpc-status": "0" }),
        { status: "INTERNAL", details: expect.stringContaining("compressed") },
      ],
      [
        "half a message",
        (stream) => respond(stream, Buffer.from([0, 0, 0, 0, 9, 7]), { "grpc-status": "0" }),
        { status: "INTERNAL" },
      ],
      [
        "no message",
        (stream) => respond(stream, Buffer.alloc(0), { "grpc-status": "0" }),
        { status: "INTERNAL" },
      ],
    ])("fails on %s", async (_, answer, failure) => {
      const { connection } = await peer(answer);
      await expect(connection.unary("/a.B/C", REQUEST, { timeoutMs: 5000 })).rejects.toMatchObject(failure);
    });

    it("fails when there is no answer in time", async () => {
      const { connection } = await peer(() => undefined);
      await expect(connection.unary("/a.B/C", REQUEST, { timeoutMs: 100 })).rejects.toMatchObject({
        status: "DEADLINE_EXCEEDED",
      });
    });

    it("takes a new connection after the peer has said GOAWAY, and after it has dropped the old one", async () => {
      const { connection, sessions } = await peer((stream) =>
        respond(stream, Buffer.concat([...framed(new Uint8Array([7]))]), { "grpc-status": "0" }),
      );
      const call = (): Promise<Buffer> => connection.unary("/a.B/C", REQUEST, { timeoutMs: 5000 });
      await call();
      await call();
      expect(sessions).toHaveLength(1);
      sessions[0]?.goaway();
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect([...(await call())]).toEqual([7]);
      expect(sessions).toHaveLength(2);
      sessions[1]?.destroy();
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect([...(await call())]).toEqual([7]);
      expect(sessions).toHaveLength(3);
    });
  });

  it("a stream that is under way when the peer says GOAWAY is answered, and the next one takes a new connection", async () => {
    const { connection, sessions } = await peer((stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.pipe(stream);
    });
    const told: string[] = [];
    let wake: () => void = () => undefined;
    const tell = (event: string): void => {
      told.push(event);
      wake();
    };
    const until = async (count: number): Promise<void> => {
      while (told.length < count)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    };
    const events: TransportEvents = {
      message: (message) => tell(message.toString()),
      drain: () => undefined,
      closed: (failure) => tell(`closed: ${failure?.status ?? "in order"}`),
    };
    await connection.ready(5000);
    const call = connection.stream(events);
    call.write(framed(Buffer.from("before")));
    await until(1);
    sessions[0]?.goaway();
    await new Promise((resolve) => setTimeout(resolve, 50));
    call.write(framed(Buffer.from("after")));
    await until(2);
    call.end();
    await until(3);
    expect(told).toEqual(["before", "after", "closed: in order"]);
    await connection.ready(5000);
    connection.stream(events).write(framed(Buffer.from("anew")));
    await until(4);
    expect(told.at(-1)).toBe("anew");
    expect(sessions).toHaveLength(2);
  });

  it("TLS is spoken to a server that the given certificates vouch for, and to no other", async () => {
    const { cert, key } = selfSigned();
    const server = createSecureServer({ cert, key });
    server.on("stream", (stream) =>
      respond(stream, Buffer.concat([...framed(Buffer.from("sealed"))]), { "grpc-status": "0" }),
    );
    server.on("sessionError", () => undefined);
    const address = parseAddress(`grpcs://127.0.0.1:${await portOf(server)}`);
    cleanups.push(() => server.close());
    const connectionBy = (authority: string): Transport => {
      const pool = createTransportPool(address, 1, { transport, rootCertificates: Buffer.from(authority) });
      cleanups.push(pool.close);
      return pool.next();
    };
    expect((await connectionBy(cert).unary("/a.B/C", REQUEST, { timeoutMs: 5000 })).toString()).toBe(
      "sealed",
    );
    await expect(connectionBy(selfSigned().cert).ready(300)).rejects.toMatchObject({
      tag: "server-unavailable",
    });
  });

  it("every connection of a pool is one of its own", async () => {
    const server = createHttp2Server();
    let connections = 0;
    server.on("session", (session) => {
      connections++;
      cleanups.push(() => session.destroy());
    });
    const address = parseAddress(`127.0.0.1:${await portOf(server)}`);
    const pool = createTransportPool(address, 3, { transport });
    cleanups.push(() => server.close(), pool.close);
    for (let i = 0; i < 6; i++) await pool.next().ready(5000);
    expect(connections).toBe(3);
  });

  describe("a connection", () => {
    it.each<[string, () => Promise<Server>]>([
      ["says nothing", async () => createServer(() => undefined)],
      ["speaks another protocol", async () => createHttpServer((_, response) => response.end("hello"))],
      ["hangs up", async () => createServer((socket) => socket.destroy())],
    ])("is refused when the peer %s", async (_, make) => {
      const server = await make();
      const port = await portOf(server);
      cleanups.push(() => server.close());
      await expect(transportTo(port).ready(300)).rejects.toMatchObject({
        tag: "server-unavailable",
        message: expect.stringContaining(`127.0.0.1:${port}`),
      });
    });
  });
});
