import { afterEach, describe, expect, it, vi } from "vitest";
import { encodeHeaders } from "../hpack/encoder.ts";
import * as h2 from "../protocol.ts";
import { data, frame, openWire, response, settings, tick, uint32, type Wire } from "../testing/wire.ts";

const { ERROR_CODES: codes } = h2;

afterEach(() => {
  vi.restoreAllMocks();
});

/** A connection with one open stream, number 1. */
function begun() {
  const wire = openWire();
  wire.hear(settings());
  return { wire, ...wire.request() };
}

/** The reason that the last frame, a GOAWAY, gives. */
const goodbye = (wire: Wire): number | undefined => {
  const last = wire.sent().at(-1);
  return last?.type === h2.GOAWAY ? last.payload.readUInt32BE(4) : undefined;
};

describe("a peer that breaks the rules is told so, and the connection is over:", () => {
  it.each<[string, number, readonly Uint8Array[]]>([
    ["DATA on a stream that nobody began", codes.PROTOCOL_ERROR, [data(3, [1])]],
    ["DATA on stream 0", codes.PROTOCOL_ERROR, [data(0, [1])]],
    ["HEADERS on a stream of the server's", codes.PROTOCOL_ERROR, [response(2)]],
    ["DATA after the end", codes.STREAM_CLOSED, [response(1, h2.END_STREAM), data(1, [1])]],
    ["HEADERS after the end", codes.STREAM_CLOSED, [response(1, h2.END_STREAM), response(1)]],
    ["DATA after its reset", codes.STREAM_CLOSED, [frame(h2.RST_STREAM, 0, 1, uint32(8)), data(1, [1])]],
    [
      "a frame larger than was allowed",
      codes.FRAME_SIZE_ERROR,
      [frame(h2.DATA, 0, 1, Buffer.alloc(1024 * 1024 + 1))],
    ],
    ["DATA that is all padding, and more", codes.PROTOCOL_ERROR, [frame(h2.DATA, h2.PADDED, 1, [4, 0, 0])]],
    ["padded DATA without its padding's size", codes.FRAME_SIZE_ERROR, [frame(h2.DATA, h2.PADDED, 1)]],
    [
      "HEADERS that are all padding, and more",
      codes.PROTOCOL_ERROR,
      [frame(h2.HEADERS, h2.PADDED | h2.END_HEADERS, 1, [9, 0x88])],
    ],
    ["a CONTINUATION of nothing", codes.PROTOCOL_ERROR, [frame(h2.CONTINUATION, h2.END_HEADERS, 1)]],
    [
      "another frame inside of a header block",
      codes.PROTOCOL_ERROR,
      [frame(h2.HEADERS, 0, 1, [0x88]), frame(h2.PING, 0, 0, Buffer.alloc(8))],
    ],
    [
      "a CONTINUATION of another stream's",
      codes.PROTOCOL_ERROR,
      [frame(h2.HEADERS, 0, 1, [0x88]), frame(h2.CONTINUATION, h2.END_HEADERS, 3)],
    ],
    ["headers that do not decode", codes.COMPRESSION_ERROR, [frame(h2.HEADERS, h2.END_HEADERS, 1, [0x80])]],
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
    ["frames smaller than all must take", codes.PROTOCOL_ERROR, [settings([h2.MAX_FRAME_SIZE, 16_383])]],
    ["frames larger than there are", codes.PROTOCOL_ERROR, [settings([h2.MAX_FRAME_SIZE, 2 ** 24])]],
    ["a push setting of 2", codes.PROTOCOL_ERROR, [settings([h2.ENABLE_PUSH, 2])]],
    [
      "a window that an open stream's then is past",
      codes.FLOW_CONTROL_ERROR,
      [frame(h2.WINDOW_UPDATE, 0, 1, uint32(2 ** 31 - 1))],
    ],
    [
      "the connection's window past 2^31 - 1",
      codes.FLOW_CONTROL_ERROR,
      [frame(h2.WINDOW_UPDATE, 0, 0, uint32(2 ** 31 - 1))],
    ],
    ["a window that grows by 0", codes.PROTOCOL_ERROR, [frame(h2.WINDOW_UPDATE, 0, 0, uint32(0))]],
    ["a window of three bytes", codes.FRAME_SIZE_ERROR, [frame(h2.WINDOW_UPDATE, 0, 0, [1, 2, 3])]],
    [
      "a window for a stream that nobody began",
      codes.PROTOCOL_ERROR,
      [frame(h2.WINDOW_UPDATE, 0, 7, uint32(1))],
    ],
    ["a reset of a stream that nobody began", codes.PROTOCOL_ERROR, [frame(h2.RST_STREAM, 0, 5, uint32(8))]],
    ["a reset of three bytes", codes.FRAME_SIZE_ERROR, [frame(h2.RST_STREAM, 0, 1, [0, 0, 8])]],
    ["PING on a stream", codes.PROTOCOL_ERROR, [frame(h2.PING, 0, 1, Buffer.alloc(8))]],
    ["PING of seven bytes", codes.FRAME_SIZE_ERROR, [frame(h2.PING, 0, 0, Buffer.alloc(7))]],
    ["GOAWAY without its reason", codes.FRAME_SIZE_ERROR, [frame(h2.GOAWAY, 0, 0, uint32(1))]],
    [
      "GOAWAY that takes back what an earlier one refused",
      codes.PROTOCOL_ERROR,
      [1, 5].map((id) => frame(h2.GOAWAY, 0, 0, Buffer.concat([uint32(id), uint32(0)]))),
    ],
  ])("%s", (_, code, chunks) => {
    const { wire, events } = begun();
    wire.hear(...chunks);
    expect(goodbye(wire)).toBe(code);
    expect(wire.socket.isDestroyed).toBe(true);
    expect(wire.told.slice(-2)).toEqual(["leaving", expect.stringMatching(/^closed: /)]);
    // Where the stream was over, or was answered, it has heard that already.
    expect(events.at(-1)).toMatch(/^(failed (lost|reset 8)|ended)/);
    expect(() => wire.request()).toThrow(expect.objectContaining({ tag: "http2-lost" }));
    wire.hear(data(1, [1]));
  });

  it("anything before its settings, as a server of HTTP/1 answers", () => {
    for (const chunk of [frame(h2.PING, 0, 0, Buffer.alloc(8)), frame(h2.SETTINGS, h2.ACK, 0)]) {
      const wire = openWire();
      wire.hear(chunk);
      expect([wire.told, goodbye(wire)]).toEqual([
        ["leaving", expect.stringContaining("does not begin with its settings")],
        codes.PROTOCOL_ERROR,
      ]);
    }
    const wire = openWire();
    wire.hear(Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"));
    expect(wire.socket.isDestroyed).toBe(true);
  });
});

describe("a flood ends the connection:", () => {
  it.each<[string, () => Uint8Array]>([
    ["DATA without anything", () => data(1, [])],
    ["PRIORITY", () => frame(h2.PRIORITY, 0, 1, Buffer.alloc(5))],
    ["frames of unknown kinds", () => frame(200, 0, 1, Buffer.alloc(5))],
    ["SETTINGS", () => settings()],
    ["PING", () => frame(h2.PING, 0, 0, Buffer.alloc(8))],
  ])("of %s", (_, make) => {
    // No time goes by: however busy this machine is, they come at once.
    vi.spyOn(performance, "now").mockReturnValue(performance.now());
    const { wire } = begun();
    wire.hear(response(1));
    const some = Buffer.concat(Array.from({ length: 900 }, make));
    wire.hear(some);
    expect(wire.socket.isDestroyed).toBe(false);
    for (let i = 0; i < 200 && !wire.socket.isDestroyed; i++) {
      wire.hear(some);
      wire.socket.written.length = 1;
    }
    expect(wire.socket.isDestroyed).toBe(true);
  });

  it("of PINGs whose answers are not read", () => {
    const { wire } = begun();
    wire.socket.isHeld = true;
    wire.hear(...Array.from({ length: 900 }, () => frame(h2.PING, 0, 0, Buffer.alloc(8))));
    expect(wire.socket.isDestroyed).toBe(false);
    wire.hear(...Array.from({ length: 200 }, () => frame(h2.PING, 0, 0, Buffer.alloc(8))));
    expect(goodbye(wire)).toBe(codes.ENHANCE_YOUR_CALM);
  });

  it("of CONTINUATIONs, with bytes and without", () => {
    for (const bytes of [0, 1000]) {
      const { wire } = begun();
      wire.hear(frame(h2.HEADERS, 0, 1));
      for (let i = 0; i < 70; i++) wire.hear(frame(h2.CONTINUATION, 0, 1, Buffer.alloc(bytes)));
      expect(goodbye(wire)).toBe(codes.ENHANCE_YOUR_CALM);
    }
  });

  it("of settings in one frame", () => {
    const { wire } = begun();
    wire.hear(settings(...Array.from({ length: 100 }, (_, i) => [i + 100, 1] as const)));
    expect(goodbye(wire)).toBe(codes.ENHANCE_YOUR_CALM);
  });
});

describe("what is no response ends its stream, and the others go on:", () => {
  it.each<[string, readonly Uint8Array[]]>([
    ["no status", [response(1, 0, [["a", "b"]])]],
    ["a status that is none", [response(1, 0, [[":status", "2oo"]])]],
    [
      "two statuses",
      [
        response(1, 0, [
          [":status", "200"],
          [":status", "200"],
        ]),
      ],
    ],
    [
      "a pseudo-header that is not a response's",
      [
        response(1, 0, [
          [":status", "200"],
          [":path", "/"],
        ]),
      ],
    ],
    [
      "a name in upper case",
      [
        response(1, 0, [
          [":status", "200"],
          ["Server", "x"],
        ]),
      ],
    ],
    [
      "a field of HTTP/1's connections",
      [
        response(1, 0, [
          [":status", "200"],
          ["connection", "close"],
        ]),
      ],
    ],
    [
      "a line break in a value",
      [
        response(1, 0, [
          [":status", "200"],
          ["a", "b\r\nc: d"],
        ]),
      ],
    ],
    ["DATA before the headers", [data(1, [1])]],
    ["an end before the headers", [data(1, [], h2.END_STREAM)]],
    ["an end with an interim response", [response(1, h2.END_STREAM, [[":status", "103"]])]],
    ["trailers that are not the end", [response(1), response(1, 0, [["a", "b"]])]],
    ["a status in trailers", [response(1), response(1, h2.END_STREAM)]],
    [
      "less than content-length says",
      [
        response(1, 0, [
          [":status", "200"],
          ["content-length", "3"],
        ]),
        data(1, [1], h2.END_STREAM),
      ],
    ],
    [
      "more headers than are taken",
      [
        response(1, 0, [
          [":status", "200"],
          ...Array.from({ length: 900 }, () => ["accept-charset", "x".repeat(40)] as const),
        ]),
      ],
    ],
  ])("%s", async (_, chunks) => {
    const { wire, events } = begun();
    const other = wire.request();
    wire.hear(...chunks);
    await tick();
    expect(events.at(-1)).toBe("failed reset 1");
    expect(wire.sent().filter(({ type }) => type === h2.RST_STREAM)).toMatchObject([{ streamId: 1 }]);
    // What was under way still comes, and is nobody's.
    wire.hear(
      data(1, [1]),
      frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 1, encodeHeaders([["a", "b"]])),
    );
    wire.hear(response(3), data(3, [7], h2.END_STREAM));
    expect(other.events).toEqual(["headers :status=200", "data 07", "ended"]);
    expect(wire.socket.isDestroyed).toBe(false);
  });
});
