/*
 * What part of the time is looked at, and where the cursor is. All plots of one time share one view. No DOM in here.
 */

/** Seconds. */
export interface TimeRange {
  readonly from: number;
  readonly to: number;
}

export interface TimeView {
  readonly whole: TimeRange;
  readonly range: TimeRange;
  /** Undefined while nobody points anywhere. */
  readonly cursor: number | undefined;
  /** Looks at a part: moved inside the whole, widened to the smallest span. */
  look(range: TimeRange): void;
  /** Widens (factor above 1) or narrows the range around `about`, or around the cursor, or the middle. */
  scale(factor: number, about?: number): void;
  /** Moves the range along by a share of its span. */
  pan(share: number): void;
  /** Looks at the whole again. */
  reset(): void;
  point(time: number | undefined): void;
  /** Moves the cursor by a share of the range, and the range with it at its ends. */
  step(share: number): void;
  /** Calls `listener` after every change. */
  watch(listener: () => void): void;
}

/** @param smallest seconds that a range never gets shorter than */
export function createTimeView(whole: TimeRange, smallest: number): TimeView {
  const least = Math.min(smallest, whole.to - whole.from);
  const listeners: (() => void)[] = [];
  let range = whole;
  let cursor: number | undefined;

  function changed(): void {
    for (const listener of listeners) listener();
  }
  function fit(from: number, span: number): void {
    const width = Math.min(Math.max(span, least), whole.to - whole.from);
    const start = Math.min(Math.max(from, whole.from), whole.to - width);
    range = { from: start, to: width === whole.to - whole.from ? whole.to : start + width };
  }

  const view: TimeView = {
    whole,
    get range() {
      return range;
    },
    get cursor() {
      return cursor;
    },
    look({ from, to }) {
      const span = Math.max(to - from, least);
      fit((from + to - span) / 2, span);
      changed();
    },
    scale(factor, about = cursor ?? (range.from + range.to) / 2) {
      const centre = Math.min(Math.max(about, range.from), range.to);
      const span = range.to - range.from;
      const next = Math.min(Math.max(span * factor, least), whole.to - whole.from);
      fit(centre - ((centre - range.from) * next) / span, next);
      changed();
    },
    pan(share) {
      const span = range.to - range.from;
      fit(range.from + share * span, span);
      changed();
    },
    reset() {
      range = whole;
      changed();
    },
    point(time) {
      if (time === cursor) return;
      cursor = time;
      changed();
    },
    step(share) {
      const span = range.to - range.from;
      const start = cursor ?? (range.from + range.to) / 2;
      cursor = Math.min(Math.max(start + share * span, whole.from), whole.to);
      if (cursor < range.from) fit(cursor, span);
      if (cursor > range.to) fit(cursor - span, span);
      changed();
    },
    watch(listener) {
      listeners.push(listener);
    },
  };
  return view;
}
