import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as h2 from "../protocol.ts";
import {
  begunServerWire,
  fields,
  goodbye,
  type Heard,
  only,
  openServerWire,
  PREFACE,
  request,
} from "../testing/server-wire.ts";
import { data, frame, settings, tick, uint32 } from "../testing/wire.ts";
import { MOST_BACKLOG } from "./allowances.ts";
import { encodeFields } from "./encode-fields.ts";

const END = h2.END_STREAM;
const FOUND = encodeFields([[":status", "200"]]);
const TRAILERS = encodeFields([["grpc-status", "0"]]);
const widen = (id: number, bytes: number): Buffer => frame(h2.WINDOW_UPDATE, 0, id, uint32(bytes));
const bytesOf = (frames: readonly { payload: Buffer }[]): Buffer =>
  Buffer.concat(frames.map(({ payload }) => payload));

describe("a server's connection", () => {
  it("says at once what it allows, and answers settings and pings", async () => {
    const wire = openServerWire();
    expect(wire.sent().map(({ type, flags }) => [type, flags])).toEqual([
      [h2.SETTINGS, 0],
      [h2.WINDOW_UPDATE, 0],
    ]);
    wire.hear(PREFACE, settings([h2.ENABLE_PUSH, 0]), frame(h2.PING, 0, 0, Buffer.from("12345678")));
    wire.hear(frame(h2.PING, h2.ACK, 0, Buffer.from("87654321")), settings());
    await tick();
    expect(wire.told).toEqual(["ready"]);
    expect(wire.sent().slice(2)).toEqual([
      { type: h2.SETTINGS, flags: h2.ACK, streamId: 0, payload: Buffer.alloc(0) },
      { type: h2.PING, flags: h2.ACK, streamId: 0, payload: Buffer.from("12345678") },
      { type: h2.SETTINGS, flags: h2.ACK, streamId: 0, payload: Buffer.alloc(0) },
    ]);
  });

  it("answers with headers, data and trailers, all of a turn in one write", async () => {
    const wire = begunServerWire();
    wire.hear(request(3, END));
    await tick();
    const { writes } = wire.socket;
    for (const { stream } of wire.heard) {
      expect(stream.isSilent).toBe(true);
      stream.respond(FOUND);
      expect(stream.isSilent).toBe(false);
      expect(stream.write(Buffer.from("one"))).toBe(true);
      stream.write(Buffer.alloc(10_000));
      stream.end(TRAILERS);
      // What is said after the end is left unsaid.
      stream.respond(FOUND);
      stream.write(Buffer.from("two"));
      stream.end();
    }
    await tick();
    expect(wire.socket.writes - writes).toBe(1);
    const [first, third] = [1, 3].map((id) => wire.sent().filter(({ streamId }) => streamId === id));
    const kinds = [
      [h2.HEADERS, h2.END_HEADERS],
      [h2.DATA, 0],
      [h2.HEADERS, h2.END_HEADERS | END],
    ];
    expect(third?.map(({ type, flags }) => [type, flags])).toEqual(kinds);
    expect(third?.[1]?.payload.subarray(0, 4)).toEqual(Buffer.from("one\0"));
    expect(third?.flatMap((each) => (each.type === h2.HEADERS ? fields(each) : []))).toEqual([
      [":status", "200"],
      ["grpc-status", "0"],
    ]);
    // Who has not said all yet need not.
    expect(first?.map(({ type, flags }) => [type, flags])).toEqual([...kinds, [h2.RST_STREAM, 0]]);
    expect(first?.at(-1)?.payload).toEqual(uint32(0));
    wire.hear(data(1, [1]), request(1, END));
    expect(wire.heard.map(({ events }) => events)).toEqual([[], ["ended"]]);
    expect(wire.socket.isEnded).toBe(false);
  });

  it("answers with headers alone, and nobody hears the rest", async () => {
    const wire = begunServerWire(({ stream }) => stream.respond(FOUND, true));
    wire.hear(request(3, END), data(1, [1, 2]));
    await tick();
    expect(wire.sent().slice(3)).toMatchObject([
      { type: h2.HEADERS, flags: h2.END_HEADERS | END, streamId: 1 },
      { type: h2.RST_STREAM, streamId: 1 },
      { type: h2.HEADERS, flags: h2.END_HEADERS | END, streamId: 3 },
    ]);
    expect(wire.heard.map(({ events }) => events)).toEqual([[], []]);
  });

  it("cuts headers that are larger than a frame", async () => {
    const wire = begunServerWire();
    wire.heard[0]?.stream.respond(
      encodeFields([
        [":status", "200"],
        ["large", "x".repeat(40_000)],
      ]),
    );
    await tick();
    expect(
      wire
        .sent()
        .filter(({ streamId }) => streamId === 1)
        .map(({ type, flags }) => [type, flags]),
    ).toEqual([
      [h2.HEADERS, 0],
      [h2.CONTINUATION, 0],
      [h2.CONTINUATION, h2.END_HEADERS],
    ]);
  });

  it.each([
    ["Upper", "x"],
    ["a", "b\nc"],
    ["a", "\u20ac"],
  ])("takes no field %s: %s to answer with", (name, value) => {
    expect(() => encodeFields([[name, value]])).toThrow(expect.objectContaining({ tag: "invalid-option" }));
  });

  it("sends no more than windows allow, says when it is too much, and goes on when they widen", async () => {
    const wire = begunServerWire();
    const { stream, events } = wire.heard[0] as Heard;
    const body = Buffer.from(Uint8Array.from({ length: 2 ** 20 + 5 }, (_, i) => i * 7));
    stream.respond(FOUND);
    expect(stream.write(body)).toBe(false);
    stream.end(TRAILERS);
    await tick();
    const sent = (): Buffer => bytesOf(only(wire.sent(), h2.DATA));
    expect(sent().length).toBe(h2.DEFAULT_WINDOW_SIZE);
    wire.hear(widen(1, 100_000));
    await tick();
    expect([sent().length, events]).toEqual([h2.DEFAULT_WINDOW_SIZE, ["drained"]]);
    wire.hear(widen(0, 2 ** 24));
    await tick();
    expect(sent().length).toBe(h2.DEFAULT_WINDOW_SIZE + 100_000);
    expect(wire.released).toEqual([]);
    wire.hear(settings([h2.INITIAL_WINDOW_SIZE, 2 ** 24], [h2.MAX_FRAME_SIZE, 2 ** 20]));
    await tick();
    expect(sent().equals(body)).toBe(true);
    expect(only(wire.sent(), h2.HEADERS).at(-1)).toMatchObject({ flags: h2.END_HEADERS | END });
    expect(wire.released.map((piece) => piece === body)).toEqual([true]);
  });

  it("tells when there is room again", async () => {
    const wire = begunServerWire();
    const { stream, events } = wire.heard[0] as Heard;
    stream.respond(FOUND);
    expect([stream.write(Buffer.alloc(2 ** 20)), stream.write(Buffer.of(1))]).toEqual([false, false]);
    await tick();
    expect(events).toEqual(["drained"]);
    expect(stream.write(Buffer.of(1))).toBe(true);
  });

  it("gives memory back when the socket has taken it, and not before", async () => {
    const wire = begunServerWire();
    const { stream } = wire.heard[0] as Heard;
    stream.respond(FOUND);
    wire.socket.isHeld = true;
    const [small, large] = [Buffer.alloc(5), Buffer.alloc(20_000)];
    stream.write(small);
    stream.write(large);
    await tick();
    expect(wire.released).toEqual([]);
    wire.socket.writableLength = 0;
    wire.socket.isHeld = false;
    stream.write(Buffer.alloc(1));
    await tick();
    expect(wire.released).toEqual([small, large, Buffer.alloc(1)]);
  });

  it("holds what a paused stream brings, lets no more come, and gives it in its order", async () => {
    const wire = begunServerWire(({ stream }) => stream.pause());
    const { stream, events } = wire.heard[0] as Heard;
    const given = (id: number): number =>
      only(wire.sent(), h2.WINDOW_UPDATE)
        .filter(({ streamId }) => streamId === id)
        .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);
    const [own, all] = [given(1), given(0)];
    for (let i = 0; i < 3; i++) wire.hear(data(1, Buffer.alloc(2 ** 20, i)));
    wire.hear(data(1, [7]), data(1, [8], END));
    await tick();
    expect([given(1) - own, given(0) - all, events]).toEqual([0, 0, []]);
    stream.resume();
    expect(
      events.map((event) => (event.length > 20 ? `${event.slice(5, 7)} × ${(event.length - 5) / 2}` : event)),
    ).toEqual(["00 × 1048576", "01 × 1048576", "02 × 1048576", "data 0708", "ended"]);
  });

  it("widens the window of what was held when it is taken", async () => {
    const wire = begunServerWire(({ stream }) => stream.pause());
    for (let i = 0; i < 3; i++) wire.hear(data(1, Buffer.alloc(2 ** 20, i)));
    wire.heard[0]?.stream.resume();
    await tick();
    expect(only(wire.sent(), h2.WINDOW_UPDATE).at(-1)).toMatchObject({
      streamId: 1,
      payload: uint32(3 * 2 ** 20),
    });
  });

  it("begins nothing new while its client takes too little of what is answered", async () => {
    const wire = begunServerWire();
    const { stream } = wire.heard[0] as Heard;
    stream.respond(FOUND);
    const part = Buffer.alloc(2 ** 20);
    for (let size = 0; size <= MOST_BACKLOG; size += part.length) stream.write(part);
    wire.hear(request(3), data(3, [5]), data(3, [6], END), request(5, END));
    await tick();
    expect(wire.heard.slice(1).map(({ events }) => events)).toEqual([[], []]);
    wire.hear(settings([h2.INITIAL_WINDOW_SIZE, 2 ** 30]), widen(0, 2 ** 30));
    await tick();
    expect(wire.heard.slice(1).map(({ events }) => events)).toEqual([["data 0506", "ended"], ["ended"]]);
  });

  it("tells what was lost, once, and nobody whose answer is complete", async () => {
    const wire = begunServerWire();
    wire.hear(request(3), request(5), request(7, END));
    const [given, cut, answered, late] = wire.heard.map(({ events }) => events);
    wire.heard[2]?.stream.respond(FOUND, true);
    wire.hear(frame(h2.RST_STREAM, 0, 1, uint32(8)), data(3, [1]));
    expect(given).toEqual(["lost"]);
    wire.socket.emit("close");
    wire.socket.emit("end");
    wire.socket.emit("error", new Error("late"));
    await tick();
    expect([given, cut, answered, late]).toEqual([["lost"], ["data 01", "lost"], [], ["ended", "lost"]]);
  });

  it("does not keep an error of a listener's to itself", () => {
    const wire = openServerWire(() => {
      throw new Error("the listener's own");
    });
    wire.hear(PREFACE, settings());
    expect(() => wire.hear(request(1))).toThrow("the listener's own");
    expect(wire.socket.isEnded).toBe(true);
  });
});

describe("a server that goes away", () => {
  const goaways = (wire: ReturnType<typeof openServerWire>): number[] =>
    only(wire.sent(), h2.GOAWAY).map(({ payload }) => payload.readUInt32BE(0));

  it("serves what was under way, takes no more then, and closes after the last", async () => {
    const wire = begunServerWire();
    wire.connection.drain();
    wire.connection.drain();
    await tick();
    expect(goaways(wire)).toEqual([2 ** 31 - 1]);
    // It was sent before its client had heard of it.
    wire.hear(request(3, END));
    const ping = only(wire.sent(), h2.PING).at(-1);
    wire.hear(frame(h2.PING, h2.ACK, 0, ping?.payload ?? []), request(5, END), data(5, [1]));
    await tick();
    expect(goaways(wire)).toEqual([2 ** 31 - 1, 3]);
    expect(wire.heard.map(({ events }) => events)).toEqual([[], ["ended"]]);
    for (const { stream } of wire.heard) {
      expect(wire.socket.isEnded).toBe(false);
      stream.respond(FOUND);
      stream.end(TRAILERS);
      await tick();
    }
    expect([wire.socket.isEnded, goaways(wire).length]).toEqual([true, 2]);
  });

  it("does not wait for those who have not said a word", () => {
    const wire = openServerWire();
    wire.connection.drain();
    expect([goodbye(wire), wire.socket.isEnded]).toEqual([0, true]);
  });

  it("cuts what is open", () => {
    const wire = begunServerWire();
    wire.connection.cut();
    expect([goodbye(wire), wire.socket.isDestroyed, wire.heard[0]?.events]).toEqual([0, true, ["lost"]]);
  });

  it("closes after the last stream of a client that goes away", async () => {
    const wire = begunServerWire();
    wire.hear(frame(h2.GOAWAY, 0, 0, Buffer.alloc(8)));
    await tick();
    expect(wire.socket.isEnded).toBe(false);
    wire.hear(data(1, [], END));
    wire.heard[0]?.stream.respond(FOUND, true);
    await tick();
    expect(wire.socket.isEnded).toBe(true);
  });
});

describe("what a client says", () => {
  it("is the same however it is cut", async () => {
    const block = request(3).subarray(h2.HEAD_SIZE);
    const said = Buffer.concat([
      PREFACE,
      settings([h2.INITIAL_WINDOW_SIZE, 1000], [0xaaaa, 1]),
      frame(0xbb, 0xff, 77, Buffer.alloc(40)),
      request(1, 0, [
        [":method", "POST"],
        [":path", "/first"],
        [":scheme", "http"],
        ["te", "trailers"],
      ]),
      frame(h2.HEADERS, h2.PADDED | h2.WITH_PRIORITY, 3, [3, 0, 0, 0, 0, 9, ...block, 0, 0, 0]),
      frame(h2.CONTINUATION, 0, 3),
      frame(h2.CONTINUATION, h2.END_HEADERS, 3, request(3, 0, [["x", "y"]]).subarray(h2.HEAD_SIZE)),
      frame(h2.PRIORITY, 0, 9, Buffer.alloc(5)),
      data(1, [1, 2, 3]),
      frame(h2.DATA, h2.PADDED, 3, [2, 4, 5, 0, 0]),
      data(1, [6]),
      frame(h2.DATA, h2.PADDED | END, 3, [2, 0, 0]),
      frame(h2.PING, 0, 0, Buffer.from("12345678")),
      request(1, END, [["trailing", "1"]]),
      request(5),
      frame(h2.RST_STREAM, 0, 5, uint32(8)),
    ]);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 30 }),
        async (cuts) => {
          const wire = openServerWire();
          for (let at = 0, i = 0; at < said.length; i++) {
            const to = Math.min(said.length, at + cuts[i % cuts.length]!);
            wire.hear(said.subarray(at, to));
            at = to;
          }
          await tick();
          const heard = wire.heard.map(({ path, headers, events }) => {
            const bytes = events.filter((each) => each.startsWith("data ")).map((each) => each.slice(5));
            return [path, headers, bytes.join(""), events.filter((each) => !each.startsWith("data "))];
          });
          expect(heard).toEqual([
            ["/first", [["te", "trailers"]], "01020306", ["ended"]],
            ["/a", [["x", "y"]], "0405", ["ended"]],
            ["/a", [], "", ["lost"]],
          ]);
          expect(only(wire.sent(), h2.PING)).toHaveLength(1);
          expect(goodbye(wire)).toBeUndefined();
        },
      ),
      { numRuns: 100 },
    );
  });

  it("never breaks it, whatever it is", async () => {
    const valid = [
      settings([h2.INITIAL_WINDOW_SIZE, 1000]),
      request(1),
      request(3, END),
      data(1, [1, 2, 3]),
      frame(h2.DATA, h2.PADDED, 1, [2, 4, 5, 0, 0]),
      frame(h2.HEADERS, 0, 5, request(5).subarray(h2.HEAD_SIZE, 12)),
      frame(h2.CONTINUATION, h2.END_HEADERS, 5, request(5).subarray(12)),
      frame(h2.PING, 0, 0, Buffer.alloc(8)),
      widen(1, 100),
      widen(0, 100),
      frame(h2.RST_STREAM, 0, 1, uint32(8)),
      frame(h2.PRIORITY, 0, 1, Buffer.alloc(5)),
      frame(h2.GOAWAY, 0, 0, Buffer.alloc(8)),
      request(7, 0, [[":method", "POST"]]),
    ];
    const change = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), byte: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(valid.length - 1), { maxLength: 20 }),
        fc.array(change, { maxLength: 6 }),
        fc.integer({ min: 1, max: 50 }),
        async (order, changes, cut) => {
          const said = Buffer.concat([settings(), ...order.map((i) => valid[i]!)]);
          for (const { at, byte } of changes) said[Math.floor(at * (said.length - 1))] = byte;
          const wire = openServerWire(({ stream }) => {
            stream.respond(FOUND);
            stream.write(Buffer.from("x"));
          });
          wire.hear(PREFACE);
          for (let at = 0; at < said.length; at += cut) wire.hear(said.subarray(at, at + cut));
          await tick();
          // Either it goes on, or it has said why not.
          expect(wire.socket.isEnded).toBe(goodbye(wire) !== undefined);
          wire.socket.emit("close");
        },
      ),
      { numRuns: 300 },
    );
  });
});
