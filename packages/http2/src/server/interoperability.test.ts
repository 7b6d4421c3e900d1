import { once } from "node:events";
import { type ClientHttp2Session, connect, type SecureClientSessionOptions } from "node:http2";
import { connect as connectSocket, createServer as createPlain } from "node:net";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { connectHttp2 } from "../client/connect.ts";
import type { Header } from "../headers.ts";
import { encodeFields } from "./encode-fields.ts";
import { type Http2Server, type Http2ServerOptions, serveHttp2 } from "./listen.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const FOUND = encodeFields([[":status", "200"]]);
const TRAILERS = encodeFields([["x-end", "1"]]);

/** Gives back what it is sent, and waits where the client does not read. */
const echo: Http2ServerOptions["onRequest"] = (_, stream) => {
  stream.respond(FOUND);
  return {
    data: (bytes) => {
      if (!stream.write(bytes)) stream.pause();
    },
    ended: () => stream.end(TRAILERS),
    drained: () => stream.resume(),
    lost: () => undefined,
  };
};

async function served(options: Partial<Http2ServerOptions> = {}): Promise<Http2Server> {
  const server = await serveHttp2({
    host: "127.0.0.1",
    port: 0,
    maxConnections: 10,
    onRequest: echo,
    ...options,
  });
  cleanups.push(() => server.close());
  return server;
}

function nodeClient(port: number, options?: SecureClientSessionOptions): ClientHttp2Session {
  const session = connect(`${options === undefined ? "http" : "https"}://127.0.0.1:${port}`, options);
  session.on("error", () => {});
  cleanups.push(() => session.destroy());
  return session;
}

/** A body there and back, with the trailers. */
async function exchanged(session: ClientHttp2Session, body: Buffer): Promise<[Buffer, unknown, number]> {
  const stream = session.request({ ":method": "POST" });
  const parts: Buffer[] = [];
  let trailers: unknown;
  stream.on("data", (part: Buffer) => parts.push(part));
  stream.on("trailers", (said) => {
    trailers = said["x-end"];
  });
  for (let at = 0; at < body.length; at += 90_000) stream.write(body.subarray(at, at + 90_000));
  stream.end();
  await once(stream, "close");
  return [Buffer.concat(parts), trailers, stream.rstCode];
}

describe("with Node's HTTP/2 as the client,", () => {
  it.each([
    ["the windows that all begin with", {}],
    ["windows of next to nothing", { settings: { initialWindowSize: 1000 } }],
    [
      "large frames and windows, and padding",
      { settings: { initialWindowSize: 1 << 24, maxFrameSize: 1 << 20 }, paddingStrategy: 1 },
    ],
    ["no table for headers", { settings: { headerTableSize: 0 } }],
  ])("bytes come back as they were sent, on several streams, with %s", async (_, options) => {
    const { port } = await served();
    const session = connect(`http://127.0.0.1:${port}`, options);
    cleanups.push(() => session.destroy());
    const bodies = [0, 1, 16_384, 100_000, 3_000_000].map((length, i) =>
      Buffer.from(Uint8Array.from({ length }, (_each, at) => at * (i + 7))),
    );
    const answers = await Promise.all(bodies.map((body) => exchanged(session, body)));
    for (const [i, [body, trailers, code]] of answers.entries()) {
      expect(body.equals(bodies[i]!)).toBe(true);
      expect([trailers, code]).toEqual(["1", 0]);
    }
  });

  it("header fields are the same on both sides, through one table of many requests", async () => {
    const value = fc
      .string({
        unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
        maxLength: 60,
      })
      .map((text) => text.trim());
    const names = fc.constantFrom("x-a", "x-b", "x-long-name", "etag", "grpc-timeout", "user-agent");
    const fields = fc.uniqueArray(fc.tuple(names, fc.oneof(value, fc.constantFrom("same", ""))), {
      maxLength: 5,
      selector: ([name]) => name,
    });
    let seen: readonly Header[] = [];
    const { port } = await served({
      onRequest: (request, stream) => {
        seen = request.headers;
        stream.respond(encodeFields([[":status", "200"], ...request.headers]), true);
        return undefined;
      },
    });
    const session = nodeClient(port);
    await fc.assert(
      fc.asyncProperty(fields, fc.integer({ min: 1, max: 3 }), async (asked, times) => {
        for (let i = 0; i < times; i++) {
          const stream = session.request(Object.fromEntries(asked), { endStream: true });
          const [answer] = await once(stream, "response");
          stream.resume();
          await once(stream, "close");
          expect(seen).toEqual(expect.arrayContaining(asked));
          expect(answer).toMatchObject(Object.fromEntries(asked));
        }
      }),
      { numRuns: 100 },
    );
  });

  it("a client that does not read is waited for, and nothing is kept for it without an end", async () => {
    let written = 0;
    const part = Buffer.alloc(64 * 1024, "abc");
    const { port } = await served({
      onRequest: (_, stream) => {
        stream.respond(FOUND);
        const fill = (): void => {
          while (written < 400 * part.length) {
            written += part.length;
            if (!stream.write(part)) return;
          }
          stream.end();
        };
        fill();
        return { data: () => undefined, ended: () => undefined, drained: fill, lost: () => undefined };
      },
    });
    const stream = nodeClient(port).request({ ":method": "POST" }, { endStream: true });
    await once(stream, "response");
    for (let last = -1; last !== written; ) {
      last = written;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(written).toBeLessThan(4 * 2 ** 20);
    let read = 0;
    stream.on("data", (bytes: Buffer) => {
      read += bytes.length;
    });
    await once(stream, "close");
    expect(read).toBe(400 * part.length);
  });
});

describe("a server's port", () => {
  it("serves our own client, and goes away when it has been answered", async () => {
    const server = await served();
    const client = await connectHttp2({ host: "127.0.0.1", port: server.port, timeoutMs: 5000 });
    cleanups.push(() => client.destroy());
    const said: string[] = [];
    const over = new Promise<void>((resolve) => {
      const stream = client.request(
        [
          [":method", "POST"],
          [":scheme", "http"],
          [":path", "/"],
        ],
        {
          headers: (headers) => said.push(headers.join()),
          data: (bytes) => {
            said.push(String(bytes));
            void server.drain().then(() => said.push("drained"));
            setTimeout(() => stream.end(), 20);
          },
          drain: () => undefined,
          ended: resolve,
          failed: ({ message }) => said.push(message),
        },
      );
      stream.write([Buffer.from("hi")]);
    });
    await over;
    await expect.poll(() => said, { timeout: 5000 }).toEqual([":status,200", "hi", "x-end,1", "drained"]);
    expect(client.isUsable).toBe(false);
  });

  it("closes connections beyond the limit, also those that came in elsewhere", async () => {
    const server = await served({ port: false, maxConnections: 1 });
    expect(server.port).toBe(0);
    const elsewhere = createPlain({ pauseOnConnect: true }, (socket) => {
      socket.on("error", () => {});
      server.accept(socket);
    });
    await new Promise<void>((resolve) => elsewhere.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => elsewhere.close());
    const address = elsewhere.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    expect((await exchanged(nodeClient(port), Buffer.from("hi")))[0].toString()).toBe("hi");
    const second = nodeClient(port);
    await new Promise((resolve) => second.once("close", resolve));
    expect(second.destroyed).toBe(true);
  });

  it("that others have is an error", async () => {
    const { port } = await served();
    await expect(served({ port })).rejects.toThrow("EADDRINUSE");
  });

  it("lets those who break the rules read why", async () => {
    const { port } = await served();
    const socket = connectSocket(port, "127.0.0.1");
    const said: Buffer[] = [];
    socket.on("data", (bytes: Buffer) => said.push(bytes));
    // More than the server looks at, before it hears that it was too much.
    socket.write(Buffer.alloc(300_000, "GET / HTTP/1.1\r\n"));
    await once(socket, "end");
    expect(Buffer.concat(said).includes(Buffer.from([0, 0, 8, 7, 0]))).toBe(true);
  });
});
