import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as h2 from "../protocol.ts";
import { data, frame, openWire, response, settings, tick, uint32 } from "../testing/wire.ts";
import { ReceiveWindow } from "./receive-window.ts";

describe("what is sent", () => {
  it("stays within the peer's windows, whatever it gives and takes, and all of it comes in order", async () => {
    const step = fc.oneof(
      fc.record({ write: fc.nat(2), size: fc.integer({ min: 0, max: 30_000 }) }),
      fc.record({ widen: fc.nat(2), by: fc.integer({ min: 1, max: 40_000 }) }),
      fc.record({ initial: fc.integer({ min: 0, max: 70_000 }) }),
      fc.record({ frameSize: fc.integer({ min: 16_384, max: 50_000 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { hear, request, sent } = openWire();
        hear(settings());
        const streams = [request().stream, request().stream];
        const windows = [65_535, 65_535, 65_535];
        const written = ["", ""];
        let initial = 65_535;
        let frameSize = 16_384;
        let largest = 16_384;
        let seen = 0;
        const got = ["", ""];
        let next = 0;
        const check = (): void => {
          for (const { type, streamId, payload } of sent().slice(seen)) {
            seen++;
            if (type !== h2.DATA) continue;
            const i = (streamId - 1) / 2;
            windows[2]! -= payload.length;
            windows[i]! -= payload.length;
            expect(payload.length).toBeLessThanOrEqual(largest);
            expect(windows[2]).toBeGreaterThanOrEqual(0);
            expect(windows[i]).toBeGreaterThanOrEqual(0);
            got[i] += payload.toString("latin1");
          }
        };
        const widen = (i: number, by: number): void => {
          windows[i]! += by;
          hear(frame(h2.WINDOW_UPDATE, 0, i === 2 ? 0 : 1 + 2 * i, uint32(by)));
        };
        for (const each of steps) {
          if ("write" in each) {
            const i = each.write % 2;
            const text = String.fromCharCode(97 + (next++ % 26)).repeat(each.size);
            written[i] += text;
            const half = text.length >> 1;
            streams[i]!.write([Buffer.from(text.slice(0, half)), Buffer.from(text.slice(half))]);
          } else if ("widen" in each) widen(each.widen, each.by);
          else if ("initial" in each) {
            windows[0]! += each.initial - initial;
            windows[1]! += each.initial - initial;
            initial = each.initial;
            hear(settings([h2.INITIAL_WINDOW_SIZE, initial]));
          } else {
            frameSize = each.frameSize;
            largest = Math.max(largest, frameSize);
            hear(settings([h2.MAX_FRAME_SIZE, frameSize]));
          }
          await tick();
          check();
        }
        for (const stream of streams) stream.end();
        for (const i of [0, 1, 2]) widen(i, 4_000_000);
        await tick();
        check();
        expect(got).toEqual(written);
        const ends = sent().filter(({ type, flags }) => type === h2.DATA && (flags & h2.END_STREAM) !== 0);
        expect(ends.map(({ streamId }) => streamId).sort()).toEqual([1, 3]);
      }),
      { numRuns: 60 },
    );
  });

  it("waits for the socket, can be called off meanwhile, and says when there is room", async () => {
    const { hear, request, sent, socket } = openWire();
    hear(settings([h2.INITIAL_WINDOW_SIZE, 2 ** 30]), frame(h2.WINDOW_UPDATE, 0, 0, uint32(2 ** 30)));
    const [first, second] = [request(), request()];
    socket.isHeld = true;
    const size = 8 * 1024 * 1024;
    expect(first.stream.write([Buffer.alloc(size)])).toBe(false);
    expect(second.stream.write([Buffer.alloc(size)])).toBe(false);
    await tick();
    const bytes = (id: number): number =>
      sent()
        .filter(({ type, streamId }) => type === h2.DATA && streamId === id)
        .reduce((sum, { payload }) => sum + payload.length, 0);
    expect(bytes(1) + bytes(3)).toBeLessThan(5 * 1024 * 1024);
    expect([first.events, second.events]).toEqual([[], []]);
    second.stream.reset();
    const before = bytes(3);
    for (let i = 0; i < 5; i++) {
      socket.writableLength = 0;
      socket.emit("drain");
    }
    expect([bytes(1), bytes(3)]).toEqual([size, before]);
    expect([first.events, second.events]).toEqual([["drain"], []]);
  });
});

describe("what comes", () => {
  it("is given back when half of a window is used, padding with it, and what came for streams of the past", async () => {
    const { hear, request, sent } = openWire();
    hear(settings());
    const { stream } = request();
    const other = request();
    hear(response(1), response(3));
    const updates = (): [number, number][] =>
      sent()
        .filter(({ type }) => type === h2.WINDOW_UPDATE)
        .slice(1)
        .map(({ streamId, payload }) => [streamId, payload.readUInt32BE(0)]);
    const mib = 1024 * 1024;
    for (let i = 0; i < 3; i++) hear(data(1, Buffer.alloc(mib)));
    expect(updates()).toEqual([]);
    hear(frame(h2.DATA, h2.PADDED, 1, Buffer.concat([Buffer.from([99]), Buffer.alloc(mib - 1)])));
    expect(updates()).toEqual([[1, 4 * mib]]);
    stream.reset();
    for (let i = 0; i < 12; i++) hear(data(1, Buffer.alloc(mib)));
    expect(updates()).toEqual([
      [1, 4 * mib],
      [0, 16 * mib],
    ]);
    expect(other.events).toEqual(["headers :status=200"]);
  });

  it("is refused where it is more than was allowed", () => {
    const window = new ReceiveWindow(100);
    window.take(49);
    expect(window.giveBack()).toBe(0);
    window.take(51);
    expect(window.giveBack()).toBe(100);
    window.take(100);
    expect(() => window.take(1)).toThrow(
      expect.objectContaining({ tag: "http2-protocol", details: { code: 3 } }),
    );
  });
});
