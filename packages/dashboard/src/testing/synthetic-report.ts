import type {
  ReportData,
  ReportDetection,
  ReportLine,
  ReportPanel,
  ReportSegment,
  ReportSpectrogram,
} from "../report-data.ts";
import { measureEnergy } from "./energy.ts";
import { chirp, gaussian, type Random, random } from "./signals.ts";

/** What a synthetic run looks like. */
export interface SyntheticOptions {
  /** Default 256. */
  readonly seconds?: number;
  /** Default 4. */
  readonly detections?: number;
  readonly ifos?: readonly string[];
  readonly seed?: number;
}

const START = 1_000_000_000;
const RATE = 2048;
const OUTPUT_RATE = 16;
const SECOND = 1_000_000_000n;
const MASSES = [
  [36, 29],
  [14.2, 7.7],
  [31, 20],
  [52, 41],
] as const;

const ns = (seconds: number): bigint => BigInt(START) * SECOND + BigInt(Math.round(seconds * 1e9));

/** Detections after this many share their panels' values with earlier ones: making them takes a tenth of a second each. */
const DISTINCT = 4;

/** A run as a search would give it: noise, mergers in it, gaps of several kinds, injections found and one missed. */
export function syntheticReport(options: SyntheticOptions = {}): ReportData {
  const { seconds = 256, detections: count = 4, ifos = ["H1", "L1"], seed = 1 } = options;
  const next = random(seed);
  const segments = cutSegments(seconds);
  const detections: ReportDetection[] = [];
  for (let i = 0; i < count; i++)
    detections.push(
      createDetection(
        12 + ((seconds - 24) * (i + 0.31)) / count,
        loudness(i),
        i,
        ifos,
        next,
        detections[i % DISTINCT],
      ),
    );
  const gapSeconds = segments
    .filter(({ reason }) => reason !== undefined)
    .reduce((sum, { startNs, endNs }) => sum + Number(endNs - startNs) / 1e9, 0);
  const missed = ns(seconds * 0.93);
  return {
    title: "Demonstration search",
    subtitle: `${ifos.join(" and ")}, design-sensitivity noise with injected mergers, matched filter with 32 templates`,
    generatedUtc: "2026-02-03T14:05:09.123Z",
    startNs: ns(0),
    endNs: ns(seconds),
    ifos,
    sampleRate: RATE,
    segments,
    livetime: { searchedSeconds: seconds - gapSeconds, gapSeconds },
    threshold: 8,
    detections,
    injections: [
      ...detections.map((detection, i) => ({
        gpsNs: detection.gpsNs - 1_200_000n,
        snr: detection.statistic * (i % 2 === 0 ? 0.96 : 1.05),
        mass1: detection.mass1 + 1,
        mass2: detection.mass2,
        foundBy: i,
      })),
      { gpsNs: missed, snr: 6.4, mass1: 22, mass2: 9.1, note: "below the threshold" },
    ],
    series: [
      {
        name: "Network SNR",
        unit: "",
        ...levels(seconds, segments, detections, (d) => d.statistic, 5.2, next),
      },
      ...ifos.map((ifo) => ({
        name: `${ifo} SNR`,
        unit: "",
        ifo,
        ...levels(seconds, segments, detections, (d) => d.snr[ifo] ?? 0, 3.6, next),
      })),
    ],
    envelopes: ifos.map((ifo) => ({ ifo, ...envelope(seconds, segments, next) })),
    calibration: Object.fromEntries(
      ifos.map((ifo, i) => [ifo, { mean: 0.002 - 0.004 * i, standardDeviation: 1.006 - 0.011 * i }]),
    ),
    settings: [
      ["PSD length", "8 s"],
      ["PSD segment", "2 s"],
      ["whitening filter", "1 s"],
      ["high-pass", "25 Hz"],
      ["threshold", "8"],
      ["cluster length", "1 s"],
      ["model", "matched-filter-stream, 32 templates, 16 outputs/s"],
    ],
    versions: [
      ["strainflow", "0.1.0"],
      ["Node.js", "20.20.2"],
      ["onnxruntime", "1.30.0"],
    ],
    inputs: ifos.map((ifo) => [
      `${ifo[0]}-${ifo}_DEMO-${START}-${seconds}.hdf5`,
      "sha256 7c0a51e4f0c3b2d19a6e8f5b4d3c2a1908f7e6d5c4b3a29180f1e2d3c4b5a697",
    ]),
  };
}

function cutSegments(seconds: number): ReportSegment[] {
  const cuts: [to: number, reason?: string, detail?: string][] = [
    [9, "warm-up"],
    [0.585 * seconds],
    [0.585 * seconds + 11, "missing", "L1"],
    [0.585 * seconds + 20, "spoiled"],
    [0.8 * seconds],
    [0.8 * seconds + 4, "not-ready", "H1 DATA category"],
    [seconds - 1],
    [seconds, "edge"],
  ];
  return cuts.map(([to, reason, detail], i) => ({
    startNs: ns(cuts[i - 1]?.[0] ?? 0),
    endNs: ns(to),
    ...(reason === undefined ? {} : { reason }),
    ...(detail === undefined ? {} : { detail }),
  }));
}

function searchedAt(segments: readonly ReportSegment[], time: number): boolean {
  const at = ns(time);
  return segments.some((s) => s.reason === undefined && s.startNs <= at && at < s.endNs);
}

function levels(
  seconds: number,
  segments: readonly ReportSegment[],
  detections: readonly ReportDetection[],
  statistic: (detection: ReportDetection) => number,
  noise: number,
  next: Random,
): ReportLine {
  const values = Float32Array.from({ length: seconds * OUTPUT_RATE }, (_, i) =>
    searchedAt(segments, i / OUTPUT_RATE) ? noise + 0.45 * gaussian(next) : Number.NaN,
  );
  for (const detection of detections) {
    const at = Math.floor(Number(detection.gpsNs - ns(0)) / (1e9 / OUTPUT_RATE));
    values[at] = statistic(detection);
    values[at + 1] = 0.6 * statistic(detection);
  }
  return { startNs: ns(0), sampleRate: OUTPUT_RATE, values };
}

function envelope(
  seconds: number,
  segments: readonly ReportSegment[],
  next: Random,
): { startNs: bigint; binRate: number; low: Float32Array; high: Float32Array } {
  const missing = segments.filter(({ reason }) => reason === "missing");
  const size = seconds * 4;
  const low = new Float32Array(size);
  const high = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    const at = ns(i / 4);
    const gone = missing.some((s) => s.startNs <= at && at < s.endNs);
    low[i] = gone ? Number.NaN : -(1.1 + 0.25 * next()) * 2.1e-19;
    high[i] = gone ? Number.NaN : (1.1 + 0.25 * next()) * 2.1e-19;
  }
  return { startNs: ns(0), binRate: 4, low, high };
}

function createDetection(
  time: number,
  statistic: number,
  place: number,
  ifos: readonly string[],
  next: Random,
  like: ReportDetection | undefined,
): ReportDetection {
  const [mass1, mass2] = MASSES[place % MASSES.length] ?? MASSES[0];
  const gpsNs = ns(time) + 113_000_000n;
  // The first sees more than the second; squares add up.
  const shares = ifos.map((_, i) => 1 / (i + 1.25));
  const norm = Math.hypot(...shares);
  const snr = Object.fromEntries(ifos.map((ifo, i) => [ifo, (statistic * (shares[i] ?? 0)) / norm]));
  const peakNs = Object.fromEntries(ifos.map((ifo, i) => [ifo, gpsNs - BigInt(i) * 6_800_000n]));
  return {
    gpsNs,
    statistic,
    snr,
    peakNs,
    phase: Object.fromEntries(ifos.map((ifo) => [ifo, 1.2])),
    mass1,
    mass2,
    panels: Object.fromEntries(
      ifos.map((ifo) => {
        const peak = peakNs[ifo] ?? gpsNs;
        const given = like?.panels[ifo];
        return [
          ifo,
          given === undefined
            ? createPanel(peak, snr[ifo] ?? 0, mass1 + mass2, next)
            : movePanel(given, peak - 750_000_000n),
        ];
      }),
    ),
  };
}

/** Falls from 26 to 9. */
function loudness(place: number): number {
  return place < 4 ? 23.6 / (1 + 0.55 * place) + 2.4 : 9 + 4 / place;
}

function movePanel(panel: ReportPanel, startNs: bigint): ReportPanel {
  const { strain, whitened, template, spectrogram } = panel;
  return {
    strain: { ...strain, startNs },
    whitened: { ...whitened, startNs },
    ...(template === undefined ? {} : { template: { ...template, startNs } }),
    spectrogram: { ...spectrogram, startNs },
  };
}

/** 0.75 s before and 0.25 s after the peak. */
function createPanel(peakNs: bigint, snr: number, totalMass: number, next: Random): ReportPanel {
  const startNs = peakNs - 750_000_000n;
  const template = chirp(RATE, 0.75, 1, totalMass, snr);
  const whitened = template.map((value) => value + gaussian(next));
  const strain = whitened.map(
    (value, i) =>
      1.6e-19 * Math.sin((2 * Math.PI * 11 * i) / RATE + snr) +
      4e-20 * Math.sin((2 * Math.PI * 36.7 * i) / RATE) +
      6e-21 * value,
  );
  const line = (values: Float32Array): ReportLine => ({ startNs, sampleRate: RATE, values });
  const spectrogram: ReportSpectrogram = { startNs, ...measureEnergy(whitened, RATE) };
  return { strain: line(strain), whitened: line(whitened), template: line(template), spectrogram };
}
