import {
  type Block,
  type Quantity,
  type SampleArray,
  type StreamFormat,
  timeSeries,
} from "@strainflow/series";
import type { Mark } from "./gap-marks.ts";

/** Cuts what was read into blocks. */
export interface Carver<Q extends Quantity> {
  /** Samples of all channels, from `start`; each block is made when it is asked for. */
  samples(start: number, data: readonly SampleArray[]): Iterable<Block<Q>>;
  /** A gap inside a file, cut like samples. */
  gap(mark: Mark): Iterable<Block<Q>>;
  /** A hole between files, in one block however long it is. */
  hole(mark: Mark): Block<Q>[];
  /** Hands out what is still held back. */
  flush(): Block<Q>[];
}

/** A block that is not complete yet: parts of samples, or a gap. */
type Held =
  | {
      readonly kind: "samples";
      readonly start: number;
      end: number;
      readonly parts: (readonly SampleArray[])[];
    }
  | { readonly kind: "gap"; readonly start: number; end: number; readonly mark: Mark };

/**
 * Blocks end at multiples of `blockSize` counted from the GPS epoch, and wherever a gap begins or ends; how they were
 * read does not show. They are views of the arrays given; only a block across the border of two of those is a copy.
 */
export function createCarver<Q extends Quantity>(
  quantity: Q,
  { sampleRate, channels }: StreamFormat,
  blockSize: number,
): Carver<Q> {
  let held: Held | undefined;

  const boundaryAfter = (index: number): number => (Math.floor(index / blockSize) + 1) * blockSize;

  function flush(): Block<Q>[] {
    if (held === undefined) return [];
    const { start, end } = held;
    const done = held;
    held = undefined;
    if (done.kind === "gap") return [gapBlock({ ...done.mark, start, end })];
    const { parts } = done;
    const data =
      parts.length === 1
        ? parts[0]!
        : channels.map((_, c) =>
            joined(
              parts.map((part) => part[c]!),
              end - start,
            ),
          );
    return [timeSeries<Q>({ quantity, start, sampleRate, channels, data })];
  }

  function gapBlock({ start, end, reason, detail }: Mark): Block<Q> {
    const gap = { kind: "gap", quantity, start, size: end - start, sampleRate, channels, reason } as const;
    return detail === undefined ? gap : { ...gap, detail };
  }

  return {
    *samples(start, data) {
      if (held?.kind === "gap") yield* flush();
      const last = start + (data[0]?.length ?? 0);
      for (let at = start; at < last; ) {
        const end = Math.min(boundaryAfter(at), last);
        const part = data.map((array) => array.subarray(at - start, end - start));
        if (held?.kind === "samples") {
          held.parts.push(part);
          held.end = end;
        } else held = { kind: "samples", start: at, end, parts: [part] };
        if (end % blockSize === 0) yield* flush();
        at = end;
      }
    },
    *gap(mark) {
      const goesOn =
        held?.kind === "gap" && held.mark.reason === mark.reason && held.mark.detail === mark.detail;
      if (!goesOn) yield* flush();
      for (let at = mark.start; at < mark.end; ) {
        const end = Math.min(boundaryAfter(at), mark.end);
        if (held === undefined) held = { kind: "gap", start: at, end, mark };
        else held.end = end;
        if (end % blockSize === 0) yield* flush();
        at = end;
      }
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
