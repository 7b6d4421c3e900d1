import { type InferenceBlock, StrainflowError } from "@strainflow/series";
import { createGrowingArray } from "./growing-array.ts";

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

/** Of each second and detector: how many quadratures, their sum, and that of their squares. */
const SUMS = 3;

/**
 * Collects the model's `quadratures` `[strides, detectors, templates, 2]` by second, so that the seconds around
 * detections can be left out when the detections are known. 24 bytes a second and detector.
 */
export function countCalibration(ifos: readonly string[]): CalibrationCounter {
  const sums = createGrowingArray((size) => new Float64Array(size), 0);
  const row = ifos.length * SUMS;
  let first: number | undefined;
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
        first ??= second;
        const place = (second - first) * row;
        const all = sums.extend(place + row);
        for (let d = 0; d < ifos.length; d++) {
          const from = (i * ifos.length + d) * width;
          let sum = 0;
          let squares = 0;
          for (let k = from; k < from + width; k++) {
            sum += data[k]!;
            squares += data[k]! * data[k]!;
          }
          const at = place + d * SUMS;
          all[at] = all[at]! + width;
          all[at + 1] = all[at + 1]! + sum;
          all[at + 2] = all[at + 2]! + squares;
        }
      }
    },
    result(excludeNs = [], clearSeconds = 2) {
      const excluded = excludeNs.map((ns) => Number(ns) / 1e9);
      const all = sums.extend(0);
      const result: Record<string, Calibration> = {};
      ifos.forEach((ifo, d) => {
        let count = 0;
        let sum = 0;
        let squares = 0;
        for (let place = 0; place < sums.size; place += row) {
          const second = (first ?? 0) + place / row;
          if (excluded.some((at) => at > second - clearSeconds && at < second + 1 + clearSeconds)) continue;
          const at = place + d * SUMS;
          count += all[at]!;
          sum += all[at + 1]!;
          squares += all[at + 2]!;
        }
        const mean = count === 0 ? 0 : sum / count;
        const variance = count === 0 ? 0 : squares / count - mean * mean;
        result[ifo] = { mean, standardDeviation: Math.sqrt(Math.max(0, variance)), count };
      });
      return result;
    },
  };
}
