import type { GapReason, SampleArray } from "@strainflow/series";

/** A stretch without usable samples. Lists of marks are in order and disjoint. */
export interface Mark {
  readonly start: number;
  readonly end: number;
  readonly reason: GapReason;
  readonly detail?: string;
}

/** Runs of samples for which `matches` holds, at absolute indexes. */
function runs(
  data: SampleArray,
  start: number,
  matches: (sample: number) => boolean,
  mark: Pick<Mark, "reason" | "detail">,
): Mark[] {
  const found: Mark[] = [];
  for (let i = 0; i < data.length; i++) {
    if (!matches(data[i]!)) continue;
    const from = i;
    while (i < data.length && matches(data[i]!)) i++;
    found.push({ ...mark, start: start + from, end: start + i });
  }
  return found;
}

/** NaN is how GWOSC and gwpy write "no data". */
export function missingMarks(data: SampleArray, start: number, detail: string): Mark[] {
  return hasOnlyFinite(data) ? [] : runs(data, start, Number.isNaN, { reason: "missing", detail });
}

/** No detector gives an infinite value. */
export function infiniteMarks(data: SampleArray, start: number, detail: string): Mark[] {
  return hasOnlyFinite(data)
    ? []
    : runs(data, start, (sample) => Math.abs(sample) === Number.POSITIVE_INFINITY, {
        reason: "damaged",
        detail,
      });
}

/** x·0 is 0 for every finite x and NaN for all others, and NaN stays: one pass without a branch. */
function hasOnlyFinite(data: SampleArray): boolean {
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += data[i]! * 0;
  return sum === 0;
}

/** Both lists; where they overlap, `over` is what counts. */
export function overlay(base: readonly Mark[], over: readonly Mark[]): Mark[] {
  if (over.length === 0) return [...base];
  const result: Mark[] = [];
  let i = 0;
  for (const mark of base) {
    let from = mark.start;
    while (i < over.length && over[i]!.end <= from) result.push(over[i++]!);
    while (i < over.length && over[i]!.start < mark.end) {
      const top = over[i]!;
      if (top.start > from) result.push({ ...mark, start: from, end: top.start });
      from = Math.max(from, top.end);
      if (top.end > mark.end) break;
      result.push(top);
      i++;
    }
    if (from < mark.end) result.push({ ...mark, start: from, end: mark.end });
  }
  result.push(...over.slice(i));
  return result;
}

/** The parts inside `[start, end)`. */
export function clip(marks: readonly Mark[], start: number, end: number): Mark[] {
  return marks.flatMap((mark) =>
    mark.end <= start || mark.start >= end
      ? []
      : [{ ...mark, start: Math.max(mark.start, start), end: Math.min(mark.end, end) }],
  );
}
