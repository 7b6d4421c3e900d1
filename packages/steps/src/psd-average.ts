import { createRowMedians } from "./median-rows.ts";

/** How the periodograms of a Welch estimate become one: the median is deaf to a glitch in a few of them. */
export type PsdAverage = "mean" | "median";

/**
 * What the median of `count` periodograms of white noise is larger by than their mean, on average:
 * 1 + Σ_{k=1}^{⌊(count−1)/2⌋} (1/(2k+1) − 1/2k). B. Allen et al., Phys. Rev. D 85, 122006 (2012), appendix B.
 */
export function medianBias(count: number): number {
  let bias = 1;
  for (let k = 1; 2 * k <= count - 1; k++) bias += 1 / (2 * k + 1) - 1 / (2 * k);
  return bias;
}

/** Averages periodograms bin by bin into `psd`; a median is divided by its bias. */
export function averagePeriodograms(
  rows: readonly Float64Array[],
  average: PsdAverage,
  psd: Float64Array,
): void {
  const count = rows.length;
  if (average === "mean") {
    psd.fill(0);
    for (const row of rows) for (let k = 0; k < psd.length; k++) psd[k] = psd[k]! + row[k]!;
    for (let k = 0; k < psd.length; k++) psd[k] = psd[k]! / count;
    return;
  }
  const scale = 1 / medianBias(count);
  if (count > 1 && count <= NETWORK_UP_TO) {
    rowMedians(count)(rows, psd);
    for (let k = 0; k < psd.length; k++) psd[k] = psd[k]! * scale;
    return;
  }
  const sample = new Float64Array(count);
  for (let k = 0; k < psd.length; k++) {
    for (let i = 0; i < count; i++) sample[i] = rows[i]![k]!;
    psd[k] = medianInPlace(sample) * scale;
  }
}

const SORT_UP_TO = 24;

/** Rows up to which the network is faster than selecting: at 63 they are even. */
const NETWORK_UP_TO = 48;

const networks = new Map<number, ReturnType<typeof createRowMedians>>();

/** Made once for each number of rows: estimates come every second. */
function rowMedians(count: number): ReturnType<typeof createRowMedians> {
  const known = networks.get(count) ?? createRowMedians(count);
  networks.set(count, known);
  return known;
}

/** The middle value, or the mean of the two middle ones; reorders `values`. */
export function medianInPlace(values: Float64Array): number {
  const count = values.length;
  const upper = count >> 1;
  if (count <= SORT_UP_TO) insertionSort(values);
  else quickSelect(values, upper);
  if (count % 2 === 1) return values[upper]!;
  let lower = values[0]!;
  for (let i = 1; i < upper; i++) if (values[i]! > lower) lower = values[i]!;
  return (lower + values[upper]!) / 2;
}

function insertionSort(values: Float64Array): void {
  for (let i = 1; i < values.length; i++) {
    const value = values[i]!;
    let at = i;
    for (; at > 0 && values[at - 1]! > value; at--) values[at] = values[at - 1]!;
    values[at] = value;
  }
}

/** Puts the value of rank `rank` in its place, smaller ones before it. C. A. R. Hoare, Comm. ACM 4 (1961) 321. */
function quickSelect(values: Float64Array, rank: number): void {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const pivot = values[(low + high) >> 1]!;
    let i = low;
    let j = high;
    while (i <= j) {
      while (values[i]! < pivot) i++;
      while (values[j]! > pivot) j--;
      if (i > j) break;
      const swapped = values[i]!;
      values[i++] = values[j]!;
      values[j--] = swapped;
    }
    if (rank <= j) high = j;
    else if (rank >= i) low = i;
    else return;
  }
}
