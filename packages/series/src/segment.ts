/** A half-open stretch of a clock, in whatever unit its user counts: samples or nanoseconds as numbers. */
export interface Segment {
  readonly start: number;
  readonly end: number;
}

/** The same ground, as disjoint segments in order; touching ones are joined, empty ones dropped. */
export function union(segments: Iterable<Segment>): Segment[] {
  const sorted = [...segments].filter((s) => s.end > s.start).sort((a, b) => a.start - b.start);
  const joined: { start: number; end: number }[] = [];
  for (const { start, end } of sorted) {
    const last = joined.at(-1);
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
    else joined.push({ start, end });
  }
  return joined;
}

/** What lies in both. */
export function intersection(a: Iterable<Segment>, b: Iterable<Segment>): Segment[] {
  const left = union(a);
  const right = union(b);
  const common: Segment[] = [];
  for (let i = 0, j = 0; i < left.length && j < right.length; ) {
    const one = left[i]!;
    const other = right[j]!;
    const start = Math.max(one.start, other.start);
    const end = Math.min(one.end, other.end);
    if (end > start) common.push({ start, end });
    if (one.end < other.end) i++;
    else j++;
  }
  return common;
}

/** What lies in `a` and not in `b`. */
export function difference(a: Iterable<Segment>, b: Iterable<Segment>): Segment[] {
  const holes = union(b);
  const rest: Segment[] = [];
  for (const { start, end } of union(a)) {
    let from = start;
    for (const hole of holes) {
      if (hole.end <= from || hole.start >= end) continue;
      if (hole.start > from) rest.push({ start: from, end: hole.start });
      from = Math.max(from, hole.end);
    }
    if (from < end) rest.push({ start: from, end });
  }
  return rest;
}

/** Sum of the lengths, common ground counted once. */
export function totalLength(segments: Iterable<Segment>): number {
  return union(segments).reduce((sum, s) => sum + s.end - s.start, 0);
}
