import { createServer, type Http2Server, type ServerHttp2Session } from "node:http2";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import type { Header } from "../headers.ts";
import { connectHttp2, type Http2Client } from "./connect.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

/** A server of Node's own HTTP/2. */
async function served(
  options: Parameters<typeof createServer>[0],
  set: (server: Http2Server) => void,
): Promise<Http2Client> {
  const server = createServer(options ?? {});
  const sessions: ServerHttp2Session[] = [];
  server.on("session", (session) => sessions.push(session));
  set(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  cleanups.push(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  const client = await connectHttp2({ host: "127.0.0.1", port: address.port, timeoutMs: 5000 });
  cleanups.push(() => client.destroy());
  return client;
}

interface Answer {
  readonly sections: Header[][];
  readonly body: Buffer;
}

function exchange(
  client: Http2Client,
  headers: readonly Header[],
  parts: readonly Uint8Array[],
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sections: Header[][] = [];
    const body: Buffer[] = [];
    const left = [...parts];
    const stream = client.request(
      [[":method", "POST"], [":scheme", "http"], [":path", "/"], [":authority", "x"], ...headers],
      {
        headers: (fields) => sections.push([...fields]),
        data: (bytes) => body.push(Buffer.from(bytes)),
        drain: send,
        ended: () => resolve({ sections, body: Buffer.concat(body) }),
        failed: ({ reason, message }) => reject(new Error(`${reason}: ${message}`)),
      },
    );
    function send(): void {
      for (let part = left.shift(); part !== undefined; part = left.shift())
        if (!stream.write([part])) {
          if (left.length > 0) return;
          break;
        }
      stream.end();
    }
    send();
  });
}

/** Fields that mean nothing to anybody, in names that occur again and again, and in values of every byte. */
const value = fc
  .string({
    unit: fc
      .integer({ min: 0x20, max: 0xff })
      .filter((code) => code !== 0x7f)
      .map((code) => String.fromCharCode(code)),
    maxLength: 60,
  })
  .map((text) => text.trim());
const fields = fc.uniqueArray(
  fc.tuple(
    fc.constantFrom("x-a", "x-b", "x-long-name", "etag", "grpc-message", "user-agent"),
    fc.oneof(value, fc.constantFrom("same", "")),
  ),
  { maxLength: 5, selector: ([name]) => name },
);

describe("with Node's HTTP/2 as the peer,", () => {
  it("goes on past a thousand streams whose listener gives up on them when they have ended", async () => {
    // Node hangs up on a peer that has reset a thousand, and an end is none to reset.
    const client = await served({}, (server) =>
      server.on("stream", (stream) => stream.respond({}, { endStream: true })),
    );
    for (let i = 0; i < 1200; i++)
      await new Promise<void>((resolve, reject) => {
        const stream = client.request(
          [
            [":method", "POST"],
            [":scheme", "http"],
            [":path", "/"],
            [":authority", "x"],
          ],
          {
            headers: () => undefined,
            data: () => undefined,
            drain: () => undefined,
            ended: () => {
              stream.reset();
              resolve();
            },
            failed: ({ reason }) => reject(new Error(`stream ${i}: ${reason}`)),
          },
        );
        stream.end();
      });
  });

  it("header fields are the same on both sides, through one table of many requests", async () => {
    let seen: [string, string][] = [];
    let answer: Header[] = [];
    let trailers: Header[] = [];
    const client = await served({}, (server) =>
      server.on("stream", (stream, headers) => {
        seen = Object.entries(headers).map(([name, text]) => [name, String(text)]);
        stream.respond({ ":status": 200, ...Object.fromEntries(answer) }, { waitForTrailers: true });
        stream.on("wantTrailers", () => stream.sendTrailers(Object.fromEntries(trailers)));
        stream.end();
        stream.resume();
      }),
    );
    await fc.assert(
      fc.asyncProperty(fields, fields, fields, async (asked, answered, trailing) => {
        answer = answered;
        trailers = [...trailing, ["x-end", "1"]];
        const { sections } = await exchange(client, asked, []);
        const undated = sections.map((section) => section.filter(([name]) => name !== "date"));
        expect(seen).toEqual(expect.arrayContaining(asked));
        expect(undated).toEqual([[[":status", "200"], ...answered], trailers]);
      }),
      { numRuns: 150 },
    );
  });

  it.each([
    ["the windows that all begin with", {}],
    ["windows of next to nothing", { settings: { initialWindowSize: 1000 } }],
    ["one stream at a time", { settings: { maxConcurrentStreams: 1 } }],
    [
      "large frames and windows, and padding",
      { settings: { initialWindowSize: 1 << 24, maxFrameSize: 1 << 20 }, paddingStrategy: 1 },
    ],
  ])(
    "bytes come back as they were sent, in both directions and on several streams, with %s",
    async (_, options) => {
      const client = await served(options, (server) =>
        server.on("stream", (stream) => {
          stream.respond({ ":status": 200 });
          stream.pipe(stream);
        }),
      );
      const sizes = [0, 1, 16_384, 100_000, 3_000_000];
      const bodies = sizes.map((size, i) =>
        Buffer.from(Uint8Array.from({ length: size }, (_each, at) => at * (i + 7))),
      );
      const answers = await Promise.all(
        bodies.map((body) =>
          exchange(client, [], [body.subarray(0, 5), body.subarray(5, 9000), body.subarray(9000)]),
        ),
      );
      for (const [i, { body }] of answers.entries()) expect(body.equals(bodies[i]!)).toBe(true);
    },
  );

  it("more bytes come than the connection's window holds", async () => {
    const size = 40 * 1024 * 1024;
    const client = await served({}, (server) =>
      server.on("stream", (stream) => {
        stream.respond({ ":status": 200, "content-length": size });
        stream.resume();
        stream.end(Buffer.alloc(size, "abcdefg"));
      }),
    );
    const { body } = await exchange(client, [], []);
    expect(body.equals(Buffer.alloc(size, "abcdefg"))).toBe(true);
  });

  it("a server that goes away lets what is under way end, and is gone then", async () => {
    let session: ServerHttp2Session | undefined;
    const client = await served({}, (server) => {
      let made: ServerHttp2Session;
      server.on("session", (opened) => {
        made = opened;
      });
      server.on("stream", (stream) => {
        session = made;
        stream.respond({ ":status": 200 });
        stream.pipe(stream);
      });
    });
    const under: Promise<Answer> = exchange(client, [], [Buffer.from("still")]);
    while (session === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
    session.close();
    expect((await under).body.toString()).toBe("still");
    while (client.isUsable) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(() => client.request([], NOBODY)).toThrow(expect.objectContaining({ tag: "http2-lost" }));
  });
});

const NOBODY = {
  headers: () => undefined,
  data: () => undefined,
  drain: () => undefined,
  ended: () => undefined,
  failed: () => undefined,
};
