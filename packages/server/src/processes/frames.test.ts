import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Frame, readFrames, sendFrame, splitId, withId } from "./frames.ts";

async function pair(): Promise<{ readonly ends: readonly [Socket, Socket]; close(): void }> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const near = connect(typeof address === "object" && address !== null ? address.port : 0, "127.0.0.1");
  const [far] = (await once(server, "connection")) as [Socket];
  server.close();
  return {
    ends: [near, far],
    close: () => {
      near.destroy();
      far.destroy();
    },
  };
}

describe("frames between processes", () => {
  it("arrive as they were sent, however they are cut on the way", async () => {
    const frames = fc.array(
      fc.record({
        kind: fc.integer({ min: 1, max: 9 }),
        number: fc.integer({ min: 0, max: 0xffffffff }),
        size: fc.oneof(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 60_000, max: 300_000 })),
      }),
      { minLength: 1, maxLength: 8 },
    );
    await fc.assert(
      fc.asyncProperty(frames, async (sent) => {
        const { ends, close } = await pair();
        const got: Frame[] = [];
        let all: () => void = () => {};
        const done = new Promise<void>((resolve) => {
          all = resolve;
        });
        readFrames(ends[1], ({ kind, number, body }) => {
          got.push({ kind, number, body: Buffer.from(body) });
          if (got.length === sent.length) all();
        });
        for (const { kind, number, size } of sent)
          sendFrame(
            ends[0],
            kind,
            number,
            Buffer.alloc(Math.floor(size / 2), kind),
            Buffer.alloc(size - Math.floor(size / 2), kind),
          );
        await done;
        expect(
          got.map(({ kind, number, body }) => [
            kind,
            number,
            body.equals(Buffer.alloc(body.length, kind)),
            body.length,
          ]),
        ).toEqual(sent.map(({ kind, number, size }) => [kind, number, true, size]));
        close();
      }),
      { numRuns: 15 },
    );
  });

  it("carry ids of any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.uint8Array({ maxLength: 9 }), (id, rest) => {
        const [back, behind] = splitId(Buffer.concat([withId(id), rest]));
        expect([back, [...behind]]).toEqual([id, [...rest]]);
      }),
    );
  });
});
