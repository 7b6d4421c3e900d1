import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Block, isStrainflowError, timeSeries } from "@strainflow/series";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createArrowWriter } from "./arrow-writer.ts";
import { decodeBlock, encodeBlock } from "./message-codec.ts";
import { openArrow } from "./open-arrow.ts";

const START = 1_126_259_446 * 4096;
const facts = { quantity: "strain" as const, sampleRate: 4096, channels: ["H1", "L1"], start: START };

const seeds: Block[] = [
  timeSeries({ ...facts, data: [Float64Array.from({ length: 40 }, (_, i) => i), new Float64Array(40)] }),
  timeSeries({ ...facts, data: [new Float32Array(33), Float64Array.from({ length: 33 }, () => Number.NaN)] }),
  { kind: "gap", ...facts, size: 21, reason: "lost", detail: "message 7" },
  { kind: "gap", ...facts, size: 1_000_000, reason: "missing" },
];

const ALLOWED = ["arrow-malformed", "arrow-unsupported", "arrow-too-large", "misaligned"];

/** A reproducible source of numbers in [0, 1). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const EXTREMES = [0, 1, 7, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

function mutate(original: Uint8Array, next: () => number): Uint8Array {
  let bytes = original.slice();
  const times = 1 + Math.floor(next() * 4);
  for (let i = 0; i < times; i++) {
    const at = Math.floor(next() * bytes.length);
    const view = new DataView(bytes.buffer);
    const kind = Math.floor(next() * 6);
    if (kind === 0) bytes[at]! ^= 1 << Math.floor(next() * 8);
    else if (kind === 1) bytes[at] = Math.floor(next() * 256);
    else if (kind === 2 && at + 4 <= bytes.length)
      view.setUint32(at & ~3, EXTREMES[Math.floor(next() * EXTREMES.length)]!, true);
    else if (kind === 3 && (at & ~7) + 8 <= bytes.length)
      view.setBigInt64(at & ~7, BigInt(Math.floor((next() - 0.3) * 2 ** (next() * 63))), true);
    else if (kind === 4) bytes.copyWithin(at, Math.floor(next() * bytes.length));
    else if (kind === 5 && bytes.length > 16) bytes = bytes.slice(0, at + 1);
  }
  return bytes;
}

function checkShape(blocks: readonly Block[], source: Uint8Array): void {
  let end = Number.MIN_SAFE_INTEGER;
  let copied = 0;
  for (const block of blocks) {
    expect(block.size).toBeGreaterThan(0);
    expect(block.start).toBeGreaterThanOrEqual(end);
    end = block.start + block.size;
    expect(Number.isSafeInteger(end)).toBe(true);
    if (block.kind === "gap") continue;
    expect(block.data).toHaveLength(block.channels.length);
    for (const array of block.data) {
      expect(array).toHaveLength(block.size);
      expect(array.every(Number.isFinite)).toBe(true);
      if (array.buffer !== source.buffer) copied += array.byteLength;
    }
  }
  expect(copied).toBeLessThanOrEqual(source.length);
}

describe("bytes from anywhere", () => {
  test("20,000 mutated messages: an error by tag or well-formed blocks, and no memory kept", () => {
    const messages = seeds.map(encodeBlock);
    const outcomes = new Map<string, number>();
    const before = process.memoryUsage();
    const next = random(20_260_101);
    for (let i = 0; i < 20_000; i++) {
      const bytes = mutate(messages[i % messages.length]!, next);
      let outcome = "decoded";
      try {
        checkShape(decodeBlock(bytes, { maxBytes: 1 << 20 }), bytes);
      } catch (error) {
        if (!isStrainflowError(error)) throw error;
        outcome = error.tag;
        expect(ALLOWED).toContain(error.tag);
      }
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    // Both ends of the scale were met, or the mutations test nothing.
    expect(outcomes.get("arrow-malformed")).toBeGreaterThan(2000);
    expect(outcomes.get("decoded")).toBeGreaterThan(1000);
    expect(process.memoryUsage().rss - before.rss).toBeLessThan(256 * 1024 * 1024);
  });

  test("lengths that claim gigabytes are refused before anything is allocated", () => {
    const bytes = encodeBlock(seeds[0]!);
    const before = process.memoryUsage().arrayBuffers;
    let refused = 0;
    for (let at = 0; at + 8 <= bytes.length; at += 4) {
      const hostile = bytes.slice();
      new DataView(hostile.buffer).setBigInt64(at, 0x0000_0fff_ffff_fff8n, true);
      try {
        checkShape(decodeBlock(hostile), hostile);
      } catch (error) {
        if (!isStrainflowError(error)) throw error;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(50);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(bytes.length ** 2);
  });

  test("random bytes are refused", () => {
    const next = random(7);
    for (let i = 0; i < 2000; i++) {
      const bytes = Uint8Array.from({ length: Math.floor(next() * 200) }, () => next() * 256);
      expect(() => decodeBlock(bytes)).toThrow(expect.objectContaining({ tag: "arrow-malformed" }));
    }
  });

  describe("files", () => {
    let folder = "";
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "strainflow-arrow-fuzz-"));
    });
    afterAll(() => rm(folder, { recursive: true }));

    test.each(["file", "stream"] as const)(
      "1,000 mutated %ss: an error by tag or well-formed blocks",
      async (format) => {
        const path = join(folder, format);
        const writer = createArrowWriter(path, { format, batchSize: 16 });
        for (const [i, seed] of [seeds[0]!, seeds[2]!, seeds[0]!].entries())
          await writer.write({ ...seed, start: START + [0, 40, 61][i]! });
        await writer.close();
        const whole = new Uint8Array(readFileSync(path));
        const next = random(format.length);
        const mutant = join(folder, `${format}-mutant`);
        let failed = 0;
        for (let i = 0; i < 1000; i++) {
          const bytes = mutate(whole, next);
          await writeFile(mutant, bytes);
          try {
            const reader = await openArrow(mutant, { maxBytes: 1 << 20 });
            const blocks: Block[] = [];
            for await (const block of reader.blocks({ signal: new AbortController().signal }))
              blocks.push(block);
            checkShape(blocks, bytes);
          } catch (error) {
            if (!isStrainflowError(error)) throw error;
            expect([...ALLOWED, "not-contiguous", "arrow-empty"]).toContain(error.tag);
            failed++;
          }
        }
        expect(failed).toBeGreaterThan(200);
        expect(failed).toBeLessThan(1000);
      },
    );
  });
});
