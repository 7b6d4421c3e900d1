import { formatNs, gpsToUtc, nsToSeconds } from "@strainflow/series";

/** `8.1 MB`: decimal prefixes, two or three digits. */
export function formatBytes(bytes: number): string {
  for (const [unit, size] of [
    ["GB", 1e9],
    ["MB", 1e6],
    ["kB", 1e3],
  ] as const)
    if (bytes >= size) return `${round(bytes / size)} ${unit}`;
  return `${Math.round(bytes)} B`;
}

/** `0.0625 s`, `1.25 s`, `22 s`: as many digits as say something. */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return "without end";
  if (seconds > 0 && seconds < 0.001) return `${round(seconds * 1e6)} µs`;
  if (seconds > 0 && seconds < 0.1) return `${round(seconds * 1000)} ms`;
  return `${seconds < 10 ? Number(seconds.toPrecision(3)) : Number(seconds.toFixed(1))} s`;
}

/** `16 /s`, `0.5 /s` */
export function formatRate(perSecond: number): string {
  return `${round(perSecond)} /s`;
}

/** `1126259446.25`: GPS seconds without trailing zeros. */
export function formatGps(gpsNs: bigint): string {
  return formatNs(gpsNs).replace(/\.?0+$/, "");
}

/** `2015-09-14 09:50:29 UTC` */
export function formatUtc(gpsNs: bigint): string {
  return `${gpsToUtc(nsToSeconds(gpsNs)).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

function round(value: number): string {
  return String(value < 100 ? Number(value.toPrecision(2)) : Math.round(value));
}
