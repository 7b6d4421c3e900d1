import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as h2 from "../protocol.ts";
import { data, fieldsOf, frame, openWire, response, settings, tick, uint32 } from "../testing/wire.ts";

describe("a connection", () => {
  it("begins with the preface, its settings and a wide window, and is ready when the peer has said its own", () => {
    const { socket, told, hear, sent } = openWire();
    expect(Buffer.concat(socket.written).toString("latin1")).toMatch(/^PRI \* HTTP\/2\.0\r\n\r\nSM\r\n\r\n/);
    expect(sent().map(({ type, flags }) => [type, flags])).toEqual([
      [h2.SETTINGS, 0],
      [h2.WINDOW_UPDATE, 0],
    ]);
    expect([socket.writes, told]).toEqual([1, []]);
    hear(settings([h2.MAX_CONCURRENT_STREAMS, 5]));
    expect(told).toEqual(["ready"]);
    expect(sent().at(-1)).toMatchObject({ type: h2.SETTINGS, flags: h2.ACK });
  });

  it("sends all of a tick in one write, and what answers a read when it has been read", async () => {
    const { socket, connection, hear, request, sent } = openWire();
    hear(settings([h2.MAX_FRAME_SIZE, 1 << 20]));
    const before = socket.writes;
    const { stream } = request();
    stream.write([Buffer.from("one")]);
    stream.write([Buffer.alloc(100_000), Buffer.from("two")]);
    const second = request();
    second.stream.end();
    expect(socket.writes).toBe(before);
    hear(frame(h2.WINDOW_UPDATE, 0, 0, uint32(1 << 20)), frame(h2.WINDOW_UPDATE, 0, 1, uint32(1 << 20)));
    await tick();
    expect(socket.writes - before).toBeLessThanOrEqual(3);
    expect(
      Buffer.concat(
        sent()
          .filter(({ type, streamId }) => type === h2.DATA && streamId === 1)
          .map(({ payload }) => payload),
      ).length,
    ).toBe(100_006);
    expect(
      sent().filter(({ flags, streamId }) => streamId === 3 && (flags & h2.END_STREAM) !== 0),
    ).toHaveLength(1);
    expect(connection.isUsable).toBe(true);
  });

  it("sends headers that a decoder reads, and the end with the last data", async () => {
    const { hear, request, sent } = openWire();
    hear(settings());
    const { stream } = request([
      [":method", "POST"],
      ["authorization", "Bearer x"],
      ["trace-bin", "AQID"],
    ]);
    stream.write([Buffer.from("all")]);
    stream.end();
    await tick();
    const [headers, ...others] = sent().filter(({ streamId }) => streamId === 1);
    expect(fieldsOf(headers!)).toEqual([
      [":method", "POST"],
      ["authorization", "Bearer x"],
      ["trace-bin", "AQID"],
    ]);
    expect(others).toEqual([
      { type: h2.DATA, flags: h2.END_STREAM, streamId: 1, payload: Buffer.from("all") },
    ]);
  });

  it("cuts headers that are larger than a frame", async () => {
    const { hear, request, sent } = openWire();
    hear(settings());
    request([
      [":method", "POST"],
      ["large", "x".repeat(40_000)],
    ]);
    await tick();
    const frames = sent().filter(({ streamId }) => streamId === 1);
    expect(frames.map(({ type, flags }) => [type, flags])).toEqual([
      [h2.HEADERS, 0],
      [h2.CONTINUATION, 0],
      [h2.CONTINUATION, h2.END_HEADERS],
    ]);
  });

  it.each([
    ["Upper", "x"],
    ["a", "b\nc"],
    ["a", "\u20ac"],
    ["", "x"],
  ])("takes no field %s: %s", (name, value) => {
    const { hear, request } = openWire();
    hear(settings());
    expect(() => request([[name, value]])).toThrow(expect.objectContaining({ tag: "invalid-option" }));
  });

  it("answers PING with what it holds, and nothing to an answer", () => {
    const { hear, sent } = openWire();
    hear(
      settings(),
      frame(h2.PING, 0, 0, Buffer.from("12345678")),
      frame(h2.PING, h2.ACK, 0, Buffer.alloc(8)),
    );
    const answers = sent().filter(({ type }) => type === h2.PING);
    expect(answers).toEqual([
      { type: h2.PING, flags: h2.ACK, streamId: 0, payload: Buffer.from("12345678") },
    ]);
  });

  it("begins no more streams than the peer allows, and the others in turn", async () => {
    const { hear, request, sent } = openWire();
    hear(settings([h2.MAX_CONCURRENT_STREAMS, 1]));
    const [first, second, third] = [request(), request(), request()];
    second.stream.write([Buffer.from("later")]);
    third.stream.reset();
    await tick();
    const begun = () =>
      sent()
        .filter(({ type }) => type === h2.HEADERS)
        .map(({ streamId }) => streamId);
    expect(begun()).toEqual([1]);
    first.stream.end();
    hear(response(1, h2.END_STREAM));
    await tick();
    expect(begun()).toEqual([1, 3]);
    expect(sent().at(-1)).toMatchObject({ type: h2.DATA, streamId: 3, payload: Buffer.from("later") });
    expect([first.events, third.events]).toEqual([["headers :status=200", "ended"], []]);
  });

  it("refuses what a GOAWAY leaves out, ends the rest, and closes then", async () => {
    const { hear, request, told, socket, connection } = openWire();
    hear(settings([h2.MAX_CONCURRENT_STREAMS, 2]));
    const [kept, refused, waiting] = [request(), request(), request()];
    kept.stream.end();
    await tick();
    hear(frame(h2.GOAWAY, 0, 0, Buffer.concat([uint32(1), uint32(0), Buffer.from("restart")])));
    expect([refused.events, waiting.events]).toEqual([["failed refused"], ["failed refused"]]);
    expect([told, connection.isUsable, socket.isDestroyed]).toEqual([["ready", "leaving"], false, false]);
    hear(response(1), data(1, [1], h2.END_STREAM));
    expect(kept.events).toEqual(["headers :status=200", "data 01", "ended"]);
    expect(socket.isDestroyed).toBe(true);
    expect(told.at(-1)).toMatch(/after its last stream/);
  });

  it("tells what was not looked at from what was: a reset that says so before any answer, and what waits still", () => {
    const { hear, request, socket } = openWire();
    hear(settings([h2.MAX_CONCURRENT_STREAMS, 3]));
    const [unseen, begun, reset, waiting, alone] = [request(), request(), request(), request(), request()];
    hear(response(3));
    for (const [id, code] of [
      [1, h2.ERROR_CODES.REFUSED_STREAM],
      [3, h2.ERROR_CODES.REFUSED_STREAM],
      [5, h2.ERROR_CODES.CANCEL],
    ] as const)
      hear(frame(h2.RST_STREAM, 0, id, uint32(code)));
    expect([unseen.events, begun.events.at(-1), reset.events]).toEqual([
      ["failed refused 7"],
      "failed reset 7",
      ["failed reset 8"],
    ]);
    hear(settings([h2.MAX_CONCURRENT_STREAMS, 1]));
    const late = request();
    socket.emit("close");
    expect([waiting, alone, late].map(({ events }) => events)).toEqual([
      ["failed lost"],
      ["failed lost"],
      ["failed refused"],
    ]);
  });

  it("takes no new streams when it leaves, and closes after the last", () => {
    const { connection, hear, request, socket, told } = openWire();
    hear(settings());
    const { stream } = request();
    connection.leave();
    expect(() => request()).toThrow(expect.objectContaining({ tag: "http2-lost" }));
    expect(socket.isDestroyed).toBe(false);
    stream.reset();
    expect([socket.isDestroyed, told.filter((each) => each === "leaving")]).toEqual([true, ["leaving"]]);
  });

  it("tells its streams when the socket goes", () => {
    for (const leave of ["end", "close"] as const) {
      const { hear, request, socket, told } = openWire();
      hear(settings());
      const { events, stream } = request();
      socket.emit(leave);
      socket.emit("error", new Error("late"));
      expect(events).toEqual(["failed lost"]);
      expect(told.filter((each) => each.startsWith("closed"))).toHaveLength(1);
      expect([stream.write([Buffer.from("x")]), stream.end(), stream.reset()]).toEqual([
        false,
        undefined,
        undefined,
      ]);
    }
  });

  it("does not keep an error of a listener's to itself", () => {
    const { connection, hear, socket } = openWire();
    hear(settings());
    connection.request([[":method", "POST"]], {
      headers() {
        throw new Error("the listener's own");
      },
      data: () => undefined,
      drain: () => undefined,
      ended: () => undefined,
      failed: () => undefined,
    });
    expect(() => hear(response(1))).toThrow("the listener's own");
    expect(socket.isDestroyed).toBe(true);
  });
});

describe("what the peer says", () => {
  it("is the same however it is cut, with padding, priorities, CONTINUATIONs and unknown frames in it", () => {
    const block = response(1).subarray(h2.HEAD_SIZE);
    const said = Buffer.concat([
      settings([h2.INITIAL_WINDOW_SIZE, 1000], [0xaaaa, 1]),
      frame(0xbb, 0xff, 77, Buffer.alloc(40)),
      response(1, 0, [[":status", "103"]]),
      frame(h2.HEADERS, h2.PADDED | h2.WITH_PRIORITY, 1, [3, 0, 0, 0, 0, 9, ...block, 0, 0, 0]),
      frame(h2.CONTINUATION, 0, 1),
      frame(
        h2.CONTINUATION,
        h2.END_HEADERS,
        1,
        response(1, 0, [["grpc-encoding", "gzip"]]).subarray(h2.HEAD_SIZE),
      ),
      frame(h2.PRIORITY, 0, 1, Buffer.alloc(5)),
      data(1, [1, 2, 3]),
      frame(h2.DATA, h2.PADDED, 1, [2, 4, 5, 0, 0]),
      frame(h2.DATA, h2.PADDED, 1, [2, 0, 0]),
      data(1, []),
      frame(h2.PING, 0, 0, Buffer.from("12345678")),
      data(1, [6]),
      response(1, h2.END_STREAM, [["grpc-status", "0"]]),
      frame(h2.WINDOW_UPDATE, 0, 1, uint32(5)),
      frame(h2.RST_STREAM, 0, 1, uint32(0)),
    ]);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 30 }), (cuts) => {
        const { hear, request, sent, told } = openWire();
        const first = settings();
        hear(first);
        const { events } = request();
        for (let at = 0, i = 0; at < said.length; i++) {
          const to = Math.min(said.length, at + cuts[i % cuts.length]!);
          hear(said.subarray(at, to));
          at = to;
        }
        const bytes = events.filter((each) => each.startsWith("data ")).map((each) => each.slice(5));
        expect(bytes.join("")).toBe("010203040506");
        expect(events.filter((each) => !each.startsWith("data "))).toEqual([
          "headers :status=200 grpc-encoding=gzip",
          "headers grpc-status=0",
          "ended",
        ]);
        expect(told).toEqual(["ready"]);
        expect(sent().filter(({ type }) => type === h2.PING)).toHaveLength(1);
      }),
      { numRuns: 100 },
    );
  });
});
