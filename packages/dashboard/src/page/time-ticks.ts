/*
 * How the times along an axis are written. No DOM in here.
 */

/** `0`, `50`, …; with as many decimals as the distance between ticks asks for. */
export function secondTicks(ticks: readonly number[]): string[] {
  const digits = decimals(ticks);
  return ticks.map((tick) => {
    const text = Math.abs(tick).toFixed(digits);
    return tick < 0 && Number(text) !== 0 ? `\u2212${text}` : text;
  });
}

/** `09:50:45`, with decimals where ticks are closer than a second. */
export function utcTicks(ticks: readonly number[], startUtcMs: number): string[] {
  const digits = Math.min(3, decimals(ticks));
  return ticks.map((tick) =>
    new Date(startUtcMs + Math.round(tick * 1000)).toISOString().slice(11, digits === 0 ? 19 : 20 + digits),
  );
}

function decimals(ticks: readonly number[]): number {
  const [first, second] = ticks;
  if (first === undefined || second === undefined) return 3;
  for (let digits = 0; digits < 6; digits++) {
    const unit = 10 ** -digits;
    if (Math.abs((second - first) / unit - Math.round((second - first) / unit)) < 1e-6) return digits;
  }
  return 6;
}
