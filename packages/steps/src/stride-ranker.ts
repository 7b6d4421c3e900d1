/** The loudest coincidence that belongs to one stride. Records have an entry for each detector that takes part. */
export interface Candidate {
  /** Network SNR `√Σρ²`; a single detector's own. */
  readonly statistic: number;
  /** Place of the template in the bank. */
  readonly template: number;
  /** SNR by detector. */
  readonly snr: Readonly<Record<string, number>>;
  /** Sample of the stream at which each detector's SNR peaks, counted from the GPS epoch. */
  readonly peakIndex: Readonly<Record<string, number>>;
  /** Phase of each detector's SNR at its peak, rad. */
  readonly phase: Readonly<Record<string, number>>;
  /** The samples of the stream `[start, end)` from which it was computed. */
  readonly inputSpan: { readonly start: number; readonly end: number };
}

export interface StrideRankerOptions {
  readonly channels: readonly string[];
  readonly templates: number;
  readonly strideSize: number;
  /** Least SNR by detector. */
  readonly thresholds: readonly number[];
  /** Largest distance of two detectors' peaks, samples. */
  readonly windows: readonly (readonly number[])[];
  readonly minDetectors: number;
  /** The model's, in samples of the stream. */
  readonly memory: number;
  readonly latency: number;
}

interface Peak {
  readonly detector: number;
  readonly snr: number;
  readonly index: number;
  readonly phase: number;
}

/**
 * Ranks one stride.
 *
 * `rows` are the triggers `[D, T, 3]` of the stride and of as many strides before as after it. Every set of coincident peaks
 * belongs to the stride of its loudest one (of equal ones, the first detector's), so no set is counted twice.
 */
export function createStrideRanker(
  options: StrideRankerOptions,
): (stride: number, rows: readonly Float32Array[]) => Candidate | undefined {
  const { channels, templates, strideSize, thresholds, windows, minDetectors, memory, latency } = options;

  function peakOf(row: Float32Array, stride: number, detector: number, template: number): Peak | undefined {
    const at = (detector * templates + template) * 3;
    const snr = row[at]!;
    if (!(snr >= thresholds[detector]!)) return undefined;
    return { detector, snr, index: stride * strideSize + Math.round(row[at + 1]!), phase: row[at + 2]! };
  }

  function near(a: Peak, b: Peak): boolean {
    return Math.abs(a.index - b.index) <= windows[a.detector]![b.detector]!;
  }

  /** Peaks that may join the anchor, by detector. */
  function partners(anchor: Peak, template: number, stride: number, rows: readonly Float32Array[]): Peak[][] {
    const first = stride - (rows.length - 1) / 2;
    const found: Peak[][] = [];
    for (let detector = 0; detector < channels.length; detector++) {
      if (detector === anchor.detector) continue;
      const peaks: Peak[] = [];
      rows.forEach((row, i) => {
        const peak = peakOf(row, first + i, detector, template);
        if (peak === undefined || !near(anchor, peak)) return;
        if (peak.snr < anchor.snr || (peak.snr === anchor.snr && detector > anchor.detector))
          peaks.push(peak);
      });
      if (peaks.length > 0) found.push(peaks);
    }
    return found;
  }

  /** The loudest set that holds `chosen` and at most one of each list, every two of them near. */
  function loudest(chosen: readonly Peak[], lists: readonly (readonly Peak[])[]): readonly Peak[] {
    const [list, ...rest] = lists;
    if (list === undefined) return chosen;
    let best = loudest(chosen, rest);
    for (const peak of list) {
      if (!chosen.every((other) => near(other, peak))) continue;
      const set = loudest([...chosen, peak], rest);
      if (power(set) > power(best)) best = set;
    }
    return best;
  }

  return (stride, rows) => {
    const row = rows[(rows.length - 1) / 2]!;
    let best:
      | { readonly set: readonly Peak[]; readonly template: number; readonly power: number }
      | undefined;
    for (let detector = 0; detector < channels.length; detector++)
      for (let template = 0; template < templates; template++) {
        const anchor = peakOf(row, stride, detector, template);
        if (anchor === undefined) continue;
        // The anchor is the loudest of its set, which bounds the sum.
        if (best !== undefined && anchor.snr ** 2 * channels.length <= best.power) continue;
        const set = loudest([anchor], partners(anchor, template, stride, rows));
        if (set.length < minDetectors) continue;
        const total = power(set);
        if (best === undefined || total > best.power) best = { set, template, power: total };
      }
    return best && describe(best.set, best.template);
  };

  function describe(set: readonly Peak[], template: number): Candidate {
    const peaks = [...set].sort((a, b) => a.detector - b.detector);
    const record = (value: (peak: Peak) => number): Record<string, number> =>
      Object.fromEntries(peaks.map((peak) => [channels[peak.detector]!, value(peak)]));
    const strides = peaks.map((peak) => Math.floor(peak.index / strideSize));
    return {
      statistic: Math.sqrt(power(peaks)),
      template,
      snr: record((peak) => peak.snr),
      peakIndex: record((peak) => peak.index),
      phase: record((peak) => peak.phase),
      inputSpan: {
        start: Math.min(...strides) * strideSize + latency - memory,
        end: (Math.max(...strides) + 1) * strideSize + latency,
      },
    };
  }
}

function power(set: readonly Peak[]): number {
  return set.reduce((sum, peak) => sum + peak.snr ** 2, 0);
}
