/** Everything a report page shows; plain data, so that a page can be made again from what a run has written. */
export interface ReportData {
  readonly title: string;
  /** One line under the title: what was searched. */
  readonly subtitle?: string;
  /** When the page was made. */
  readonly generatedUtc: string;
  /** The span of the run. */
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly ifos: readonly string[];
  /** Hz of conditioning and inference. */
  readonly sampleRate: number;
  /** Where was searched, and where not and why; contiguous from `startNs` to `endNs`. */
  readonly segments: readonly ReportSegment[];
  readonly livetime: { readonly searchedSeconds: number; readonly gapSeconds: number };
  /** Detections with a network statistic of at least this. */
  readonly threshold: number;
  readonly detections: readonly ReportDetection[];
  /** Present when it is known what was injected. */
  readonly injections?: readonly ReportInjection[];
  /** Series over the whole run, on a common time axis. */
  readonly series: readonly ReportSeries[];
  /** Strain over the whole run, as the smallest and largest sample of each bin. */
  readonly envelopes: readonly ReportEnvelope[];
  /** By detector: mean and standard deviation of the quadratures away from detections; 0 and 1 where all is well. */
  readonly calibration?: Readonly<
    Record<string, { readonly mean: number; readonly standardDeviation: number }>
  >;
  /** Name → value, in order. */
  readonly settings: readonly (readonly [string, string])[];
  readonly versions: readonly (readonly [string, string])[];
  /** Input files with their checksums or sizes, as the run knows them. */
  readonly inputs: readonly (readonly [string, string])[];
}

export interface ReportSegment {
  readonly startNs: bigint;
  readonly endNs: bigint;
  /** Absent where the stretch was searched. */
  readonly reason?: string;
  readonly detail?: string;
}

/** A regularly sampled line. NaN where there is no value. */
export interface ReportLine {
  readonly startNs: bigint;
  /** Hz. */
  readonly sampleRate: number;
  readonly values: Float32Array;
}

export interface ReportSeries extends ReportLine {
  readonly name: string;
  /** `""` for a pure number. */
  readonly unit: string;
  /** Set for a detector's own series; it gives the colour. */
  readonly ifo?: string;
}

export interface ReportEnvelope {
  readonly ifo: string;
  readonly startNs: bigint;
  /** Bins per second. */
  readonly binRate: number;
  readonly low: Float32Array;
  readonly high: Float32Array;
}

export interface ReportInjection {
  readonly gpsNs: bigint;
  /** Optimal network SNR. */
  readonly snr: number;
  readonly mass1: number;
  readonly mass2: number;
  /** Place in `detections` of the one that found it. */
  readonly foundBy?: number;
  /** Why it was missed, where that is known. */
  readonly note?: string;
}

export interface ReportDetection {
  readonly gpsNs: bigint;
  /** Network SNR. */
  readonly statistic: number;
  readonly snr: Readonly<Record<string, number>>;
  readonly peakNs: Readonly<Record<string, bigint>>;
  /** rad. */
  readonly phase: Readonly<Record<string, number>>;
  readonly mass1: number;
  readonly mass2: number;
  /** By detector. */
  readonly panels: Readonly<Record<string, ReportPanel>>;
}

/** What is shown around one detection, for one detector. */
export interface ReportPanel {
  /** Strain as it came, resampled. */
  readonly strain: ReportLine;
  /** Whitened strain, standard deviation 1 in noise. */
  readonly whitened: ReportLine;
  /** The template as it would appear in the whitened strain. */
  readonly template?: ReportLine;
  readonly spectrogram: ReportSpectrogram;
}

/** Normalised energy over time and frequency: 1 on average in noise. */
export interface ReportSpectrogram {
  readonly startNs: bigint;
  /** Columns per second. */
  readonly columnRate: number;
  /** Hz of each row, rising, spaced evenly in the logarithm. */
  readonly frequencies: readonly number[];
  /** Row-major `[frequencies, columns]`. */
  readonly energy: Float32Array;
}
