import { type Block, endOf, timeSeries } from "@strainflow/series";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeHeader, encodeHeader, type MessageHeader } from "./header.ts";
import { createIncomingStream, type IncomingStream, type Notice } from "./incoming-stream.ts";
import { createOutgoingStreams, type Frames } from "./outgoing-streams.ts";

const RATE = 16;
const START = 1_400_000_000 * RATE;
const facts = { quantity: "strain" as const, sampleRate: RATE, channels: ["H1", "L1"] };

function series(start: number, size: number): Block<"strain"> {
  const ramp = (offset: number) => Float64Array.from({ length: size }, (_, i) => start + i + offset);
  return timeSeries({ ...facts, start, data: [ramp(0), ramp(0.5)] });
}

/** A stream of blocks of these sizes, as messages, with its end. */
function messages(sizes: readonly number[], start = START, streamEnd?: number): Frames[] {
  const outgoing = createOutgoingStreams();
  let at = start;
  const frames = sizes.map((size) => {
    const frame = outgoing.data(series(at, size), streamEnd);
    at += size;
    return frame;
  });
  return [...frames, ...outgoing.ends(undefined)];
}

function header(frames: Frames): MessageHeader {
  const decoded = decodeHeader(frames[0]);
  if (decoded === undefined) throw new Error("the header does not decode");
  return decoded;
}

function receiveAll(frames: readonly Frames[], lateJoin: "gap" | "skip" = "gap") {
  const notices: Notice[] = [];
  let stream: IncomingStream<"strain"> | undefined;
  const blocks: Block<"strain">[] = [];
  for (const frame of frames) {
    const head = header(frame);
    stream ??= createIncomingStream(head, { ...facts, lateJoin, limits: {}, notice: (n) => notices.push(n) });
    blocks.push(...stream.take(head, frame[1]));
  }
  return { stream: stream!, blocks, notices };
}

/** Contiguity, and that every value stands at its own place. */
function check(blocks: readonly Block[]): { used: number; gap: number } {
  let used = 0;
  let gap = 0;
  blocks.forEach((block, i) => {
    if (i > 0) expect(block.start).toBe(endOf(blocks[i - 1]!));
    if (block.kind === "gap") gap += block.size;
    else {
      used += block.size;
      for (let j = 0; j < block.size; j++)
        expect([block.data[0]![j], block.data[1]![j]]).toEqual([block.start + j, block.start + j + 0.5]);
    }
  });
  return { used, gap };
}

const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 2, maxLength: 30 });

describe("header", () => {
  test("comes back as it went, and no byte of it can change unseen", () => {
    const fields = fc.record({
      kind: fc.constantFrom("data" as const),
      streamId: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      sequence: fc.nat(2 ** 40),
      streamStart: fc.nat(2 ** 44),
      size: fc.integer({ min: 1, max: 2 ** 32 }),
      sampleRate: fc.integer({ min: 1, max: 1_048_576 }),
      channels: fc.uniqueArray(fc.stringMatching(/^[^\n]{1,9}$/), { minLength: 1, maxLength: 5 }),
      payloadSize: fc.nat(2 ** 31),
      payloadCrc: fc.nat(2 ** 31),
    });
    fc.assert(
      fc.property(
        fields,
        fc.nat(1000),
        fc.option(fc.nat(2 ** 45), { nil: undefined }),
        fc.nat(),
        (most, after, end, flip) => {
          const whole = {
            ...most,
            start: most.streamStart + after,
            ...(end === undefined ? {} : { streamEnd: end }),
          };
          const bytes = encodeHeader(whole);
          expect(decodeHeader(bytes)).toEqual(whole);
          bytes[flip % bytes.length]! ^= 1 << (flip % 8);
          expect(decodeHeader(bytes)).toBeUndefined();
        },
      ),
      { numRuns: 200 },
    );
    expect(decodeHeader(new Uint8Array(10))).toBeUndefined();
  });
});

describe("incoming stream", () => {
  test("without loss, everything comes out as it went in", () => {
    fc.assert(
      fc.property(sizes, (list) => {
        const { blocks, stream } = receiveAll(messages(list));
        expect(blocks.map((b) => b.size)).toEqual(list);
        expect(check(blocks).gap).toBe(0);
        expect(stream.ended).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  test("whatever is dropped, repeated or damaged: contiguous, to the sample, each for its own reason", () => {
    const fates = fc.array(fc.constantFrom("ok", "ok", "ok", "drop", "repeat", "damage"), {
      minLength: 31,
      maxLength: 31,
    });
    fc.assert(
      fc.property(sizes, fates, (list, fate) => {
        const all = messages(list);
        const end = all.pop()!;
        const arrived = all.flatMap((frame, i): Frames[] => {
          if (fate[i] === "drop") return [];
          if (fate[i] === "repeat") return [frame, frame];
          if (fate[i] !== "damage") return [frame];
          const broken = frame[1].slice();
          broken[broken.length >> 1]! ^= 4;
          return [[frame[0], broken]];
        });
        const { blocks, stream } = receiveAll([...arrived, end]);
        const total = list.reduce((sum, size) => sum + size, 0);
        const lengthOf = (which: string) =>
          list.reduce((sum, size, i) => sum + (fate[i] === which ? size : 0), 0);
        const countOf = (which: string) => list.filter((_, i) => fate[i] === which).length;
        const { used, gap } = check(blocks);
        expect(used + gap).toBe(total);
        expect([stream.start, stream.next]).toEqual([START, START + total]);
        expect(used).toBe(lengthOf("ok") + lengthOf("repeat"));
        for (const [which, reason] of [
          ["drop", "lost"],
          ["damage", "damaged"],
        ] as const)
          expect(
            blocks.reduce((sum, b) => sum + (b.kind === "gap" && b.reason === reason ? b.size : 0), 0),
          ).toBe(lengthOf(which));
        expect(stream.counts).toMatchObject({
          lostMessages: countOf("drop"),
          damagedMessages: countOf("damage"),
          duplicateMessages: countOf("repeat"),
        });
      }),
      { numRuns: 100 },
    );
  });

  test("joining late is a gap from the stream's start, or the stream begins there, as asked", () => {
    const late = messages([10, 10, 10]).slice(2);
    const { blocks, notices } = receiveAll(late);
    expect(blocks.map((b) => [b.start - START, b.size, b.kind])).toEqual([
      [0, 20, "gap"],
      [20, 10, "series"],
    ]);
    expect(notices[0]?.kind).toBe("late-join");
    const skipped = receiveAll(late, "skip");
    expect(skipped.stream.start).toBe(START + 20);
    expect(skipped.blocks.map((b) => b.kind)).toEqual(["series"]);
    expect(skipped.stream.counts.lostMessages).toBe(0);
  });

  test("a sender that starts again goes on in the same source: what is between is lost, what is before is dropped", () => {
    const first = messages([10, 10]).slice(0, 2);
    const later = receiveAll([...first, ...messages([10], START + 50)]);
    expect(later.blocks.map((b) => [b.start - START, b.size, b.kind === "gap" ? b.reason : b.kind])).toEqual([
      [0, 10, "series"],
      [10, 10, "series"],
      [20, 30, "lost"],
      [50, 10, "series"],
    ]);
    expect(later.stream.counts.restarts).toBe(1);
    const earlier = receiveAll([...first, ...messages([10, 10], START + 5)]);
    expect(earlier.blocks.map((b) => [b.start - START, b.size])).toEqual([
      [0, 10],
      [10, 10],
      [20, 5],
    ]);
    expect(check(earlier.blocks)).toEqual({ used: 25, gap: 0 });
    expect(earlier.stream.counts.lateArrivals).toBe(15);
  });

  test("stragglers of a replaced stream are dropped", () => {
    const old = messages([10, 10]);
    const { blocks, stream } = receiveAll([old[0]!, ...messages([5], START + 20).slice(0, 1), old[1]!]);
    expect(check(blocks)).toEqual({ used: 15, gap: 10 });
    expect(stream.counts.duplicateMessages).toBe(1);
  });

  test("a lost last message is seen by the mark or the end that follows", () => {
    const all = messages([10, 10]);
    const { blocks, stream } = receiveAll([all[0]!, all[2]!]);
    expect(blocks.map((b) => [b.size, b.kind === "gap" ? b.reason : b.kind])).toEqual([
      [10, "series"],
      [10, "lost"],
    ]);
    expect(stream.ended).toBe(true);
    const outgoing = createOutgoingStreams();
    const sent = [outgoing.data(series(START, 4), undefined), outgoing.data(series(START + 4, 4), undefined)];
    expect(outgoing.marks()).toEqual([]);
    const marked = receiveAll([sent[0]!, ...outgoing.marks()]);
    expect(check(marked.blocks)).toEqual({ used: 4, gap: 4 });
    expect(marked.stream.ended).toBe(false);
  });

  test("what was given up as late is dropped when it comes, also in part", () => {
    const all = messages([10, 10, 10]);
    const { stream } = receiveAll(all.slice(0, 1));
    expect(stream.giveUp(START + 25, "late", "test")).toMatchObject([
      { kind: "gap", reason: "late", size: 15 },
    ]);
    expect(stream.take(header(all[1]!), all[1]![1])).toEqual([]);
    expect(stream.take(header(all[2]!), all[2]![1])).toMatchObject([
      { kind: "series", start: START + 25, size: 5 },
    ]);
    expect(stream.counts.lateArrivals).toBe(15);
  });

  test("a payload that is sound but not what its header says is damaged", () => {
    const [frame] = messages([10]);
    const other = messages([11]);
    const head = header(frame!);
    const { payloadSize, payloadCrc } = header(other[0]!);
    const lying: Frames = [encodeHeader({ ...head, payloadSize, payloadCrc }), other[0]![1]];
    expect(receiveAll([lying]).blocks).toMatchObject([{ kind: "gap", reason: "damaged", size: 10 }]);
  });

  test("a change of rate fails", () => {
    const [frame] = messages([10]);
    const { stream } = receiveAll([frame!]);
    expect(() => stream.take({ ...header(frame!), sampleRate: 32, streamId: 5n }, frame![1])).toThrow(
      expect.objectContaining({ tag: "zeromq-format-changed" }),
    );
  });
});
