import { gpsToUtc } from "@strainflow/series";
import { fixed, gpsText, utcText } from "./page/text.ts";
import type { ReportDetection, ReportSegment } from "./report-data.ts";

/** What the reasons of `series` mean to a reader. Others are shown as they are. */
const REASONS: Readonly<Record<string, string>> = {
  missing: "no data",
  lost: "a message was lost",
  late: "data came too late",
  damaged: "data cannot be read",
  overflow: "a buffer was full",
  "not-ready": "vetoed by data quality",
  "warm-up": "warm-up: not enough past yet",
  edge: "edge: the data end too soon after",
  spoiled: "within reach of a gap",
};

/** Why a stretch was not searched: `no data (H1.hdf5)`. */
export function gapText(segment: Pick<ReportSegment, "reason" | "detail">): string {
  const reason = segment.reason ?? "";
  const words = Object.hasOwn(REASONS, reason) ? (REASONS[reason] ?? reason) : reason;
  return segment.detail === undefined || segment.detail === "" ? words : `${words} (${segment.detail})`;
}

/** UTC of GPS nanoseconds, to the millisecond. */
export function utcOf(gpsNs: bigint): string {
  return utcText(gpsNs, gpsToUtc(Number(gpsNs / 1_000_000_000n)).getTime());
}

/** `36 + 29`, in solar masses. */
export function massesText(mass1: number, mass2: number): string {
  const digits = (mass: number): number => (mass < 10 ? 1 : 0);
  return `${fixed(mass1, digits(mass1))} + ${fixed(mass2, digits(mass2))}`;
}

/** One line that names a detection. */
export function detectionSummary(detection: ReportDetection, place: number, ifos: readonly string[]): string {
  const single = ifos
    .filter((ifo) => detection.snr[ifo] !== undefined)
    .map((ifo) => `${ifo} ${fixed(detection.snr[ifo] ?? Number.NaN, 1)}`);
  return [
    `Detection ${place + 1}`,
    `GPS ${gpsText(detection.gpsNs)}`,
    `network SNR ${fixed(detection.statistic, 1)}`,
    ...single,
    `${massesText(detection.mass1, detection.mass2)} M☉`,
  ].join(", ");
}

/** `231.0 s`, with hours where seconds alone say little. */
export function secondsText(seconds: number): string {
  const hours = seconds >= 7200 ? ` (${fixed(seconds / 3600, 1)} h)` : "";
  return `${fixed(seconds, 1)} s${hours}`;
}

/** `1 detection`, `2 detections`, `no detections`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return count === 0 ? `no ${many}` : `${count} ${count === 1 ? one : many}`;
}
