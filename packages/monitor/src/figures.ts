/* Figures of a table: few digits, always with their unit, an en dash for what is not known. */

const NONE = "–";

/** `1.2 k`: per second. */
export function rateFigure(perSecond: number | undefined): string {
  return perSecond === undefined ? NONE : large(perSecond);
}

export function countFigure(count: number | undefined): string {
  return count === undefined ? NONE : large(count);
}

export function batchFigure(size: number | undefined): string {
  return size === undefined ? NONE : digits(size);
}

/** `830 µs`, `5.2 ms`, `1.3 s` */
export function averageFigure(us: number | undefined): string {
  if (us === undefined || !Number.isFinite(us)) return NONE;
  if (us < 999.5) return `${digits(us)} µs`;
  return us < 999_500 ? `${digits(us / 1e3)} ms` : `${digits(us / 1e6)} s`;
}

/** `1 s`, `12 s`, `3 min`, `5 h` */
export function durationFigure(seconds: number): string {
  if (seconds < 1) return averageFigure(seconds * 1e6);
  if (seconds < 120) return `${digits(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

function large(value: number): string {
  if (value < 9999.5) return digits(value);
  if (value < 999_500) return `${digits(value / 1e3)} k`;
  return value < 999_500_000 ? `${digits(value / 1e6)} M` : `${digits(value / 1e9)} G`;
}

/** Three digits, but all of a whole number's. */
function digits(value: number): string {
  if (value === 0 || value >= 100) return String(Math.round(value));
  return String(Number(value.toPrecision(value < 0.1 ? 1 : value < 10 ? 2 : 3)));
}
