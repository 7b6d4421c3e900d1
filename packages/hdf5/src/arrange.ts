import type { ChannelFacts, FileFacts } from "./facts.ts";

/** One file's part of a stream; several channels of it if they are read together. */
export interface Piece {
  readonly file: FileFacts;
  /** Same start, size and rate. */
  readonly channels: readonly ChannelFacts[];
  /** First sample and just past the last, counted from the GPS epoch. */
  readonly start: number;
  readonly end: number;
}

/** A stretch of the stream: from one file, or from none. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
  readonly piece?: Piece;
  /** Other files that cover part of the stretch as well, and must have the same samples there. */
  readonly rivals: readonly Piece[];
}

/**
 * Puts pieces in order and finds holes and overlaps, within `[start, end)`.
 *
 * Where pieces overlap, the one that began first is read, and the other compared with it.
 */
export function arrange(pieces: readonly Piece[], start: number, end: number): Stretch[] {
  const sorted = [...pieces].sort((a, b) => a.start - b.start || b.end - a.end);
  const stretches: { start: number; end: number; piece?: Piece; rivals: Piece[] }[] = [];
  let covered = start;
  for (const piece of sorted) {
    for (const earlier of stretches)
      if (piece.start < earlier.end && piece.end > earlier.start) earlier.rivals.push(piece);
    const from = Math.max(piece.start, covered);
    const to = Math.min(piece.end, end);
    if (from >= to) continue;
    if (from > covered) stretches.push({ start: covered, end: from, rivals: [] });
    stretches.push({ start: from, end: to, piece, rivals: [] });
    covered = to;
  }
  if (covered < end) stretches.push({ start: covered, end, rivals: [] });
  return stretches;
}
