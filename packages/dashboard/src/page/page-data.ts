/** What the script in the page gets. Times are seconds: from the run's start, or, in panels, from the detection. */
export interface PageData {
  /** GPS nanoseconds of the run's start, in decimal. */
  readonly startNs: string;
  /** Unix milliseconds of the whole GPS second at or before the start. */
  readonly startUtcMs: number;
  readonly span: number;
  readonly ifos: readonly string[];
  readonly gaps: readonly PageGap[];
  readonly rows: readonly PageRow[];
  readonly detections: readonly PageDetection[];
  readonly injections: readonly PageInjection[];
}

export interface PageGap {
  readonly from: number;
  readonly to: number;
  readonly reason: string;
}

/** Values as base64, in the machine's byte order, which is little-endian wherever this runs. */
export interface EncodedSamples {
  readonly type: "float32" | "int16" | "energy8";
  readonly scale: number;
  readonly base64: string;
}

/** A regular line; `high` is there where it had to be reduced to the smallest and largest value of each bin. */
export interface PageLine {
  /** Time of the first value. */
  readonly start: number;
  /** Seconds from one value to the next. */
  readonly step: number;
  readonly low: EncodedSamples;
  readonly high?: EncodedSamples;
}

export interface PageRow {
  readonly name: string;
  /** `""` for a pure number. */
  readonly unit: string;
  readonly ifo?: string;
  /** A `level` starts at zero and has its marks at its height, a `wave` swings around zero. */
  readonly kind: "level" | "wave";
  readonly threshold?: number;
  /** Whether detections and injections are drawn at their statistic in this row. */
  readonly statistic: boolean;
  readonly line: PageLine;
}

export interface PageDetection {
  readonly time: number;
  readonly gpsNs: string;
  readonly statistic: number;
  /** For those who hear it, and as a tooltip. */
  readonly label: string;
  /** Absent where panels did not fit into the page. */
  readonly panels?: Readonly<Record<string, PagePanel>>;
}

export interface PageInjection {
  readonly time: number;
  readonly snr: number;
  readonly found: boolean;
}

export interface PagePanel {
  readonly whitened: PageLine;
  readonly template?: PageLine;
  readonly strain: PageLine;
  /** Of `strain`: a power of ten. */
  readonly strainUnit: string;
  readonly spectrogram: PageSpectrogram;
}

export interface PageSpectrogram {
  readonly start: number;
  readonly step: number;
  /** Hz, lowest and highest row; even in the logarithm between. */
  readonly lowest: number;
  readonly highest: number;
  readonly rows: number;
  readonly energy: EncodedSamples;
}
