import { createServer as createHttpServer } from "node:http";
import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Stream } from "node:http2";
import { createServer, type Server } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { parseAddress } from "./address.ts";
import { framed } from "./grpc-frames.ts";
import { createTransport } from "./transport.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

async function portOf(server: Server | Http2Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("no port");
  return bound.port;
}

/** A peer of raw HTTP/2, which answers every stream as it is told. */
async function peer(answer: (stream: ServerHttp2Stream, headers: Record<string, unknown>) => void) {
  const server = createHttp2Server();
  const sessions: { goaway(): void; destroy(): void }[] = [];
  server.on("session", (session) => sessions.push(session));
  server.on("stream", (stream, headers) => {
    stream.on("error", () => undefined);
    answer(stream, headers);
  });
  const transport = transportTo(await portOf(server));
  cleanups.push(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { transport, sessions };
}

function transportTo(port: number) {
  const transport = createTransport(
    parseAddress(`127.0.0.1:${port}`),
    { headers: { authorization: "Bearer x" } },
    () => undefined,
  );
  cleanups.push(transport.close);
  return transport;
}

const REQUEST = framed(new Uint8Array([1, 2, 3]));

/** Answers with messages and trailers. */
function respond(stream: ServerHttp2Stream, body: Buffer, trailers: Record<string, string>): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  stream.end(body);
}

describe("a call", () => {
  it("sends what gRPC asks for, and gives the message back", async () => {
    let sent: Record<string, unknown> = {};
    const { transport } = await peer((stream, headers) => {
      sent = headers;
      respond(stream, Buffer.concat([...framed(Buffer.from("answer"))]), { "grpc-status": "0" });
    });
    expect((await transport.unary("/a.B/C", REQUEST, 5000)).toString()).toBe("answer");
    expect(sent).toMatchObject({
      ":method": "POST",
      ":path": "/a.B/C",
      te: "trailers",
      "content-type": "application/grpc",
      authorization: "Bearer x",
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
    ["a reset", (stream) => stream.close(8), { status: "UNAVAILABLE" }],
    [
      "a compressed message",
      (stream) => respond(stream, Buffer.from([1, 0, 0, 0, 1, 7]), { "grpc-status": "0" }),
      { status: "INTERNAL", details: expect.stringContaining("compressed") },
    ],
    [
      "half a message",
      (stream) => respond(stream, Buffer.from([0, 0, 0, 0, 9, 7]), { "grpc-status": "0" }),
      { status: "UNAVAILABLE", details: expect.stringContaining("incomplete") },
    ],
    [
      "no message",
      (stream) => respond(stream, Buffer.alloc(0), { "grpc-status": "0" }),
      { status: "INTERNAL" },
    ],
  ])("fails on %s", async (_, answer, failure) => {
    const { transport } = await peer(answer);
    await expect(transport.unary("/a.B/C", REQUEST, 5000)).rejects.toMatchObject(failure);
  });

  it("fails when there is no answer in time", async () => {
    const { transport } = await peer(() => undefined);
    await expect(transport.unary("/a.B/C", REQUEST, 100)).rejects.toMatchObject({
      status: "DEADLINE_EXCEEDED",
    });
  });

  it("takes a new connection after the peer has said GOAWAY, and after it has dropped the old one", async () => {
    const { transport, sessions } = await peer((stream) =>
      respond(stream, Buffer.concat([...framed(new Uint8Array([7]))]), { "grpc-status": "0" }),
    );
    const call = (): Promise<Buffer> => transport.unary("/a.B/C", REQUEST, 5000);
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
