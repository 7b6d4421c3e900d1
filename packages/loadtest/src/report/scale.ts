/** Where values lie on an axis. */
export interface Scale {
  /** From 0 at its beginning to 1 at its end. */
  place(value: number): number;
  readonly ticks: readonly { readonly value: number; readonly text: string }[];
}

/** From 0 to a round number at or above the largest value. */
export function linearScale(values: readonly number[], ticks = 5): Scale {
  const most = Math.max(...values.filter(Number.isFinite), 0) || 1;
  const step = roundStep(most / ticks);
  const count = Math.ceil(most / step - 1e-9);
  return {
    place: (value) => value / (count * step),
    ticks: Array.from({ length: count + 1 }, (_, i) => ({ value: i * step, text: tickText(i * step) })),
  };
}

/** Powers of ten with 2 and 5 between, around all values, which are above 0. */
export function logScale(values: readonly number[]): Scale {
  const proper = values.filter((value) => value > 0 && Number.isFinite(value));
  const low = roundDown(Math.min(...proper));
  const ticks: number[] = [low];
  while (ticks.at(-1)! < Math.max(...proper) * (1 - 1e-9)) ticks.push(nextRound(ticks.at(-1)!));
  if (ticks.length === 1) ticks.push(nextRound(low));
  const span = Math.log(ticks.at(-1)! / low);
  return {
    place: (value) => Math.log(Math.max(value, low) / low) / span,
    ticks: ticks.map((value) => ({
      value,
      text: ticks.length > 9 && !isPower(value) ? "" : tickText(value),
    })),
  };
}

/** Linear, or logarithmic where the values lie further apart than an eye can see on one axis. */
export function scaleFor(values: readonly number[]): Scale {
  const proper = values.filter((value) => value > 0 && Number.isFinite(value));
  const wide = proper.length > 0 && Math.max(...proper) > 30 * Math.min(...proper);
  return wide ? logScale(proper) : linearScale(values);
}

function roundStep(raw: number): number {
  const power = 10 ** Math.floor(Math.log10(raw));
  const lead = raw / power;
  return (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10) * power;
}

function roundDown(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value) + 1e-9);
  const lead = value / power;
  return (lead >= 5 ? 5 : lead >= 2 ? 2 : 1) * power;
}

function nextRound(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value) + 1e-9);
  const lead = Math.round(value / power);
  return (lead === 1 ? 2 : lead === 2 ? 5 : 10) * power;
}

function isPower(value: number): boolean {
  return Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-9;
}

/** `0`, `0.5`, `20`, `1,500`, `20 k` */
export function tickText(value: number): string {
  if (value >= 10_000) return `${Number((value / 1000).toPrecision(4))} k`;
  return Number(value.toPrecision(6)).toLocaleString("en-US", { maximumFractionDigits: 6 });
}
