/**
 * The power of ten that strain is written in, common to all of `series` so that they can be compared: its largest
 * value lies between 1 and 10, or just below 1 rather than just below 10, where ticks would say 10 × 10⁻²².
 */
export function strainExponent(series: readonly Float32Array[]): number {
  let peak = 0;
  for (const values of series)
    for (const value of values) if (Number.isFinite(value)) peak = Math.max(peak, Math.abs(value));
  return peak === 0 ? -21 : Math.floor(Math.log10(1.1 * peak));
}
