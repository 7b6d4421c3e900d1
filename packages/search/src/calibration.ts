import { type InferenceBlock, StrainflowError } from "@strainflow/series";

/** What a detector's quadratures do off source; mean 0 and deviation 1 where SNRs mean what they say. */
export interface Calibration {
  readonly mean: number;
  readonly standardDeviation: number;
  /** Quadratures that went in. */
  readonly count: number;
}

export interface CalibrationCounter {
  add(block: InferenceBlock): void;
  /** By detector, all seconds left out that are within `clearSeconds` of a time in `excludeNs`. */
  result(excludeNs?: readonly bigint[], clearSeconds?: number): Readonly<Record<string, Calibration>>;
}

interface Sums {
  count: number;
  sum: number;
  squares: number;
}

/**
 * Collects the model's `quadratures` `[strides, detectors, templates, 2]` by second, so that the seconds around
 * detections can be left out when the detections are known. 24 bytes a second and detector.
 */
export function countCalibration(ifos: readonly string[]): CalibrationCounter {
  const seconds = new Map<number, Sums[]>();
  return {
    add(block) {
      if (block.kind === "gap") return;
      const tensor = block.outputs["quadratures"];
      if (tensor === undefined) return;
      const { data } = tensor;
      if (!(data instanceof Float32Array))
        throw new StrainflowError(
          "unknown-output",
          `the model's quadratures are ${tensor.datatype}; they must be FP32`,
        );
      const width = data.length / block.size / ifos.length;
      for (let i = 0; i < block.size; i++) {
        const second = Math.floor((block.start + i) / block.sampleRate);
        let sums = seconds.get(second);
        if (sums === undefined) {
          sums = ifos.map(() => ({ count: 0, sum: 0, squares: 0 }));
          seconds.set(second, sums);
        }
        for (let d = 0; d < ifos.length; d++) {
          const own = sums[d]!;
          const from = (i * ifos.length + d) * width;
          for (let k = from; k < from + width; k++) {
            own.sum += data[k]!;
            own.squares += data[k]! * data[k]!;
          }
          own.count += width;
        }
      }
    },
    result(excludeNs = [], clearSeconds = 2) {
      const excluded = excludeNs.map((ns) => Number(ns) / 1e9);
      const result: Record<string, Calibration> = {};
      ifos.forEach((ifo, d) => {
        const total: Sums = { count: 0, sum: 0, squares: 0 };
        for (const [second, sums] of seconds) {
          if (excluded.some((at) => at > second - clearSeconds && at < second + 1 + clearSeconds)) continue;
          const own = sums[d]!;
          total.count += own.count;
          total.sum += own.sum;
          total.squares += own.squares;
        }
        const mean = total.count === 0 ? 0 : total.sum / total.count;
        const variance = total.count === 0 ? 0 : total.squares / total.count - mean * mean;
        result[ifo] = { mean, standardDeviation: Math.sqrt(Math.max(0, variance)), count: total.count };
      });
      return result;
    },
  };
}
