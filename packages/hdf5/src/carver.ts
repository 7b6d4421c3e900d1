import {
  type Block,
  type Quantity,
  type SampleArray,
  type StreamFormat,
  sliceBlock,
  timeSeries,
} from "@strainflow/series";
import type { Mark } from "./gap-marks.ts";

/** Cuts what was read into blocks. */
export interface Carver<Q extends Quantity> {
  /** Samples of all channels, from `start`. */
  samples(start: number, data: readonly SampleArray[]): Block<Q>[];
  /** A gap inside a file, cut like samples. */
  gap(mark: Mark): Block<Q>[];
  /** A hole between files, in one block however long it is. */
  hole(mark: Mark): Block<Q>[];
  /** Hands out what is still held back. */
  flush(): Block<Q>[];
}

/**
 * Blocks end at multiples of `blockSize` counted from the GPS epoch, and wherever a gap begins or ends. They are views
 * of the arrays given; only a block across the border of two of those is a copy.
 */
export function createCarver<Q extends Quantity>(
  quantity: Q,
  { sampleRate, channels }: StreamFormat,
  blockSize: number,
): Carver<Q> {
  let held: { start: number; parts: (readonly SampleArray[])[]; size: number } | undefined;

  const boundaryAfter = (index: number): number => (Math.floor(index / blockSize) + 1) * blockSize;

  function flush(): Block<Q>[] {
    if (held === undefined) return [];
    const { start, parts, size } = held;
    held = undefined;
    const data =
      parts.length === 1
        ? parts[0]!
        : channels.map((_, c) =>
            joined(
              parts.map((part) => part[c]!),
              size,
            ),
          );
    return [timeSeries<Q>({ quantity, start, sampleRate, channels, data })];
  }

  function gapBlock({ start, end, reason, detail }: Mark): Block<Q> {
    const gap = { kind: "gap", quantity, start, size: end - start, sampleRate, channels, reason } as const;
    return detail === undefined ? gap : { ...gap, detail };
  }

  return {
    samples(start, data) {
      const size = data[0]?.length ?? 0;
      const blocks: Block<Q>[] = [];
      for (let at = start; at < start + size; ) {
        const boundary = boundaryAfter(at);
        const end = Math.min(boundary, start + size);
        const part = data.map((array) => array.subarray(at - start, end - start));
        held ??= { start: at, parts: [], size: 0 };
        held.parts.push(part);
        held.size += end - at;
        if (end === boundary) blocks.push(...flush());
        at = end;
      }
      return blocks;
    },
    gap(mark) {
      const blocks = flush();
      const whole = gapBlock(mark);
      for (let at = mark.start; at < mark.end; at = Math.min(boundaryAfter(at), mark.end))
        blocks.push(sliceBlock(whole, at, Math.min(boundaryAfter(at), mark.end)));
      return blocks;
    },
    hole(mark) {
      return [...flush(), gapBlock(mark)];
    },
    flush,
  };
}

function joined(parts: readonly SampleArray[], size: number): SampleArray {
  // One file may have float32 samples and the next float64: the wider one holds both.
  const wide = parts.some((part) => part instanceof Float64Array);
  const whole = wide ? new Float64Array(size) : new Float32Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
