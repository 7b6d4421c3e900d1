import { afterEach, describe, expect, it, vi } from "vitest";
import type { Header } from "../headers.ts";
import * as h2 from "../protocol.ts";
import {
  ASKED,
  begunServerWire,
  goodbye,
  only,
  openServerWire,
  PREFACE,
  request,
} from "../testing/server-wire.ts";
import { data, frame, settings, tick, uint32 } from "../testing/wire.ts";
import { CONNECTION_WINDOW_SIZE, MAX_STREAMS, WINDOW_SIZE } from "./allowances.ts";

const { ERROR_CODES: codes } = h2;

afterEach(() => {
  vi.restoreAllMocks();
});

/** No time goes by: however busy this machine is, what is sent comes at once. */
function atOnce(): void {
  vi.spyOn(performance, "now").mockReturnValue(performance.now());
}

const END = h2.END_STREAM;
const reset = (id: number): Buffer => frame(h2.RST_STREAM, 0, id, uint32(8));
const widen = (id: number, bytes: number): Buffer => frame(h2.WINDOW_UPDATE, 0, id, uint32(bytes));

describe("a client that breaks the rules is told so, and the connection is over:", () => {
  it.each<[string, number, readonly Uint8Array[]]>([
    ["DATA on a stream that nobody began", codes.PROTOCOL_ERROR, [data(3, [1])]],
    ["DATA on stream 0", codes.PROTOCOL_ERROR, [data(0, [1])]],
    ["HEADERS on stream 0", codes.PROTOCOL_ERROR, [request(0)]],
    ["a stream with a server's id", codes.PROTOCOL_ERROR, [request(2)]],
    ["a stream behind a later one", codes.STREAM_CLOSED, [request(7), request(5)]],
    ["DATA after a reset", codes.STREAM_CLOSED, [reset(1), data(1, [1])]],
    ["HEADERS after a reset", codes.STREAM_CLOSED, [reset(1), request(1, END)]],
    [
      "a frame larger than was allowed",
      codes.FRAME_SIZE_ERROR,
      [frame(h2.DATA, 0, 1, Buffer.alloc(2 ** 20 + 1))],
    ],
    ["DATA that is all padding, and more", codes.PROTOCOL_ERROR, [frame(h2.DATA, h2.PADDED, 1, [4, 0, 0])]],
    ["padded DATA without its padding's size", codes.FRAME_SIZE_ERROR, [frame(h2.DATA, h2.PADDED, 1)]],
    [
      "HEADERS that are all padding, and more",
      codes.PROTOCOL_ERROR,
      [frame(h2.HEADERS, h2.PADDED | h2.END_HEADERS, 3, [9, 0x88])],
    ],
    ["a CONTINUATION of nothing", codes.PROTOCOL_ERROR, [frame(h2.CONTINUATION, h2.END_HEADERS, 1)]],
    [
      "another frame inside of a header block",
      codes.PROTOCOL_ERROR,
      [frame(h2.HEADERS, 0, 3, [0x83]), frame(h2.PING, 0, 0, Buffer.alloc(8))],
    ],
    [
      "a CONTINUATION of another stream's",
      codes.PROTOCOL_ERROR,
      [frame(h2.HEADERS, 0, 3, [0x83]), frame(h2.CONTINUATION, h2.END_HEADERS, 5)],
    ],
    [
      "a field that no table has",
      codes.COMPRESSION_ERROR,
      [frame(h2.HEADERS, h2.END_HEADERS, 3, [0xff, 0x80, 0x7f])],
    ],
    [
      "a table larger than it may be",
      codes.COMPRESSION_ERROR,
      [frame(h2.HEADERS, h2.END_HEADERS, 3, [0x3f, 0xe2, 0x1f])],
    ],
    ["a push", codes.PROTOCOL_ERROR, [frame(h2.PUSH_PROMISE, h2.END_HEADERS, 1, [0, 0, 0, 2])]],
    ["SETTINGS on a stream", codes.PROTOCOL_ERROR, [frame(h2.SETTINGS, 0, 1)]],
    ["SETTINGS of five bytes", codes.FRAME_SIZE_ERROR, [frame(h2.SETTINGS, 0, 0, Buffer.alloc(5))]],
    [
      "an answer to SETTINGS that says something",
      codes.FRAME_SIZE_ERROR,
      [frame(h2.SETTINGS, h2.ACK, 0, Buffer.alloc(6))],
    ],
    [
      "a window past 2^31 - 1 for streams",
      codes.FLOW_CONTROL_ERROR,
      [settings([h2.INITIAL_WINDOW_SIZE, 2 ** 31])],
    ],
    [
      "settings by which an open stream's window is past it",
      codes.FLOW_CONTROL_ERROR,
      [widen(1, 2 ** 31 - 1 - h2.DEFAULT_WINDOW_SIZE), settings([h2.INITIAL_WINDOW_SIZE, 100_000])],
    ],
    ["frames smaller than all must take", codes.PROTOCOL_ERROR, [settings([h2.MAX_FRAME_SIZE, 16_383])]],
    ["frames larger than there are", codes.PROTOCOL_ERROR, [settings([h2.MAX_FRAME_SIZE, 2 ** 24])]],
    ["a push setting of 2", codes.PROTOCOL_ERROR, [settings([h2.ENABLE_PUSH, 2])]],
    ["the connection's window past 2^31 - 1", codes.FLOW_CONTROL_ERROR, [widen(0, 2 ** 31 - 1)]],
    ["the connection's window to grow by 0", codes.PROTOCOL_ERROR, [widen(0, 0)]],
    ["a window of three bytes", codes.FRAME_SIZE_ERROR, [frame(h2.WINDOW_UPDATE, 0, 1, [1, 2, 3])]],
    ["a window for a stream that nobody began", codes.PROTOCOL_ERROR, [widen(7, 1)]],
    ["a reset of a stream that nobody began", codes.PROTOCOL_ERROR, [reset(5)]],
    ["a reset of three bytes", codes.FRAME_SIZE_ERROR, [frame(h2.RST_STREAM, 0, 1, [0, 0, 8])]],
    ["PING on a stream", codes.PROTOCOL_ERROR, [frame(h2.PING, 0, 1, Buffer.alloc(8))]],
    ["PING of seven bytes", codes.FRAME_SIZE_ERROR, [frame(h2.PING, 0, 0, Buffer.alloc(7))]],
    ["GOAWAY without its reason", codes.FRAME_SIZE_ERROR, [frame(h2.GOAWAY, 0, 0, uint32(1))]],
    ["a priority of no stream", codes.PROTOCOL_ERROR, [frame(h2.PRIORITY, 0, 0, Buffer.alloc(5))]],
    ["a priority of four bytes", codes.FRAME_SIZE_ERROR, [frame(h2.PRIORITY, 0, 1, Buffer.alloc(4))]],
    [
      "more than a stream's window holds",
      codes.FLOW_CONTROL_ERROR,
      // Nothing is given back while nobody takes it.
      Array.from({ length: 1 + WINDOW_SIZE / 2 ** 20 }, () => data(1, Buffer.alloc(2 ** 20))),
    ],
  ])("%s", (_, code, chunks) => {
    const wire = begunServerWire(({ stream }) => stream.pause());
    wire.hear(...chunks);
    expect(goodbye(wire)).toBe(code);
    expect(wire.socket.isEnded).toBe(true);
    // Where it was reset, it has heard that before.
    expect(wire.heard[0]?.events.filter((event) => event === "lost")).toEqual(["lost"]);
    // What comes behind it is thrown away.
    wire.hear(request(99), data(99, [1]));
    expect(wire.heard.some(({ stream }) => "id" in stream && stream.id === 99)).toBe(false);
  });

  it.each<[string, Uint8Array]>([
    ["HTTP/1", Buffer.from("POST / HTTP/1.1\r\nhost: x\r\n\r\n")],
    ["noise", Buffer.from(Array.from({ length: 100 }, (_, i) => (i * 31 + 7) % 256))],
    ["a preface that is wrong at its end", Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\rX")],
    ["a ping before its settings", Buffer.concat([PREFACE, frame(h2.PING, 0, 0, Buffer.alloc(8))])],
    ["an answer to settings before its own", Buffer.concat([PREFACE, frame(h2.SETTINGS, h2.ACK, 0)])],
  ])("beginning with %s", (_, bytes) => {
    for (const pieces of [[bytes], [...bytes].map((byte) => Buffer.of(byte))]) {
      const wire = openServerWire();
      wire.hear(...pieces);
      expect([goodbye(wire), wire.told, wire.socket.isEnded]).toEqual([codes.PROTOCOL_ERROR, [], true]);
    }
  });
});

describe("what is no request ends its stream, and the others go on:", () => {
  const with_ = (...headers: readonly Header[]): Buffer => request(3, 0, [...ASKED, ...headers]);
  const without = (name: string): Buffer =>
    request(
      3,
      0,
      ASKED.filter(([each]) => each !== name),
    );
  it.each<[string, number, readonly Uint8Array[]]>([
    ["no method", codes.PROTOCOL_ERROR, [without(":method")]],
    ["no scheme", codes.PROTOCOL_ERROR, [without(":scheme")]],
    ["no path", codes.PROTOCOL_ERROR, [without(":path")]],
    [
      "an empty path",
      codes.PROTOCOL_ERROR,
      [
        request(3, 0, [
          [":method", "GET"],
          [":scheme", "http"],
          [":path", ""],
        ]),
      ],
    ],
    ["two paths", codes.PROTOCOL_ERROR, [with_([":path", "/b"])]],
    ["a pseudo-header of responses", codes.PROTOCOL_ERROR, [with_([":status", "200"])]],
    ["a pseudo-header behind others", codes.PROTOCOL_ERROR, [request(3, 0, [["a", "b"], ...ASKED])]],
    ["a name in upper case", codes.PROTOCOL_ERROR, [with_(["Server", "x"])]],
    ["a field of HTTP/1's connections", codes.PROTOCOL_ERROR, [with_(["connection", "close"])]],
    ["te that says more than trailers", codes.PROTOCOL_ERROR, [with_(["te", "gzip"])]],
    ["a line break in a value", codes.PROTOCOL_ERROR, [with_(["a", "b\r\nc: d"])]],
    ["trailers that are not the end", codes.PROTOCOL_ERROR, [request(3), request(3, 0, [["a", "b"]])]],
    [
      "less than content-length says",
      codes.PROTOCOL_ERROR,
      [with_(["content-length", "3"]), data(3, [1], END)],
    ],
    [
      "more than content-length says",
      codes.PROTOCOL_ERROR,
      [with_(["content-length", "3"]), data(3, [1, 2, 3, 4], END)],
    ],
    [
      "more headers than are taken",
      codes.ENHANCE_YOUR_CALM,
      [with_(...Array.from({ length: 900 }, () => ["accept-charset", "x".repeat(40)] as const))],
    ],
    ["DATA after its end", codes.STREAM_CLOSED, [request(3, END), data(3, [1])]],
    ["HEADERS after its end", codes.STREAM_CLOSED, [request(3, END), request(3, END)]],
    ["a window that grows by 0", codes.PROTOCOL_ERROR, [request(3), widen(3, 0)]],
    ["a window past 2^31 - 1", codes.FLOW_CONTROL_ERROR, [request(3), widen(3, 2 ** 31 - 1)]],
  ])("%s", async (_, code, chunks) => {
    const wire = begunServerWire();
    wire.hear(...chunks);
    // What was under way still comes, and is nobody's.
    wire.hear(data(3, [1]), widen(3, 1), reset(3));
    wire.hear(data(1, [7], END), request(5, END));
    await tick();
    expect(only(wire.sent(), h2.RST_STREAM)).toMatchObject([{ streamId: 3, payload: uint32(code) }]);
    expect(wire.heard[0]?.events).toEqual(["data 07", "ended"]);
    expect(wire.heard.at(-1)?.events).toEqual(["ended"]);
    expect(wire.socket.isEnded).toBe(false);
  });

  it("a bomb in a few bytes: one large field, and many references to it", async () => {
    const wire = begunServerWire();
    const large = Buffer.from([0x40, 1, 0x61, 0x7f, 0xa1, 0x1e, ...Buffer.alloc(4000, 0x62)]);
    const bomb = Buffer.concat([large, Buffer.alloc(12_000, 0xbe)]);
    wire.hear(frame(h2.HEADERS, h2.END_HEADERS, 3, bomb), request(5, END));
    await tick();
    expect(only(wire.sent(), h2.RST_STREAM)).toMatchObject([
      { streamId: 3, payload: uint32(codes.ENHANCE_YOUR_CALM) },
    ]);
    expect(wire.heard.at(-1)?.events).toEqual(["ended"]);
  });

  it("streams beyond the limit, which may be sent again elsewhere", async () => {
    const wire = openServerWire();
    wire.hear(PREFACE, settings());
    for (let i = 0; i <= MAX_STREAMS; i++) wire.hear(request(2 * i + 1));
    await tick();
    expect(wire.heard).toHaveLength(MAX_STREAMS);
    expect(only(wire.sent(), h2.RST_STREAM)).toMatchObject([
      { streamId: 2 * MAX_STREAMS + 1, payload: uint32(codes.REFUSED_STREAM) },
    ]);
  });
});

describe("a flood ends the connection:", () => {
  it.each<[string, (i: number) => Uint8Array]>([
    ["DATA without anything", () => data(1, [])],
    ["DATA of next to nothing", () => data(1, [1])],
    ["PRIORITY", () => frame(h2.PRIORITY, 0, 1, Buffer.alloc(5))],
    ["frames of unknown kinds", () => frame(200, 0, 1, Buffer.alloc(5))],
    ["SETTINGS", () => settings()],
    ["PING", () => frame(h2.PING, 0, 0, Buffer.alloc(8))],
    ["windows a byte wider", () => widen(1, 1)],
    ["resets as soon as it has begun", (i) => Buffer.concat([request(2 * i + 3), reset(2 * i + 3)])],
    ["requests that are none", (i) => request(2 * i + 3, 0, [[":method", "GET"]])],
    ["windows that have us reset", (i) => Buffer.concat([request(2 * i + 3), widen(2 * i + 3, 0)])],
  ])("of %s", (_, make) => {
    atOnce();
    const wire = begunServerWire();
    const some = (from: number): Buffer =>
      Buffer.concat(Array.from({ length: 500 }, (_each, i) => make(from + i)));
    wire.hear(some(0));
    expect(wire.socket.isEnded).toBe(false);
    for (let i = 1; i < 400 && !wire.socket.isEnded; i++) wire.hear(some(500 * i));
    expect(wire.socket.isEnded).toBe(true);
    expect(goodbye(wire)).toBe(codes.ENHANCE_YOUR_CALM);
  });

  it("of PINGs whose answers are not read", () => {
    const wire = begunServerWire();
    wire.socket.isHeld = true;
    wire.socket.writableLength = 1;
    const pings = (count: number) =>
      Array.from({ length: count }, () => frame(h2.PING, 0, 0, Buffer.alloc(8)));
    wire.hear(...pings(900));
    expect(wire.socket.isEnded).toBe(false);
    wire.hear(...pings(200));
    expect(wire.socket.isEnded).toBe(true);
  });

  it("of CONTINUATIONs, with bytes and without", () => {
    for (const bytes of [0, 1000]) {
      const wire = begunServerWire();
      wire.hear(frame(h2.HEADERS, 0, 3));
      for (let i = 0; i < 70; i++) wire.hear(frame(h2.CONTINUATION, 0, 3, Buffer.alloc(bytes)));
      expect(goodbye(wire)).toBe(codes.ENHANCE_YOUR_CALM);
    }
  });

  it("but streams that are begun and answered are none", async () => {
    atOnce();
    const wire = begunServerWire(({ stream }) => stream.respond(Buffer.of(0x88), true));
    for (let i = 1; i < 5000; i++) wire.hear(request(2 * i + 1, END));
    await tick();
    expect(wire.heard).toHaveLength(5000);
    expect(wire.socket.isEnded).toBe(false);
  });

  it("and what is sent by windows that allow it, however much, is none either", async () => {
    const wire = begunServerWire();
    let sent = 0;
    for (; sent < 3 * CONNECTION_WINDOW_SIZE; sent += 2 ** 20) wire.hear(data(1, Buffer.alloc(2 ** 20)));
    await tick();
    const given = only(wire.sent(), h2.WINDOW_UPDATE).filter(({ streamId }) => streamId === 1);
    expect(given.reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0)).toBeGreaterThan(
      sent - WINDOW_SIZE,
    );
    expect(wire.socket.isEnded).toBe(false);
  });
});
