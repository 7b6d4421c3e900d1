/*
 * How numbers are written: by the page's tables and by its script alike. No DOM in here.
 */

const MINUS = "\u2212";

/** `−4.2`: with a real minus sign, so that columns align. */
export function fixed(value: number, digits: number): string {
  if (!Number.isFinite(value)) return "–";
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? MINUS + text : text;
}

/** Three digits that mean something: `0.0123`, `1.23`, `123`; powers of ten beyond. */
export function threeDigits(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 1e-3 || size >= 1e5) {
    const exponent = Math.floor(Math.log10(size));
    return `${fixed(value / 10 ** exponent, 2)} × ${powerOfTen(exponent)}`;
  }
  return fixed(value, Math.max(0, 2 - Math.floor(Math.log10(size))));
}

/** `8`, `8.5`: a number somebody chose, without digits it was not given. */
export function plain(value: number): string {
  return String(Number(value.toPrecision(6))).replace("-", MINUS);
}

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** `10⁻²¹` */
export function powerOfTen(exponent: number): string {
  const digits = [...String(Math.abs(exponent))].map((digit) => SUPERSCRIPTS[Number(digit)] ?? "").join("");
  return `10${exponent < 0 ? "⁻" : ""}${digits}`;
}

/** `1126259462.428` from nanoseconds, truncated towards the past as everywhere in strainflow. */
export function gpsText(gpsNs: bigint): string {
  return `${gpsNs / 1_000_000_000n}.${milliseconds(gpsNs)}`;
}

/**
 * `2015-09-14 09:50:45.428`, with the same milliseconds as {@link gpsText}.
 *
 * @param secondUtcMs Unix milliseconds of the whole second that `gpsNs` lies in
 */
export function utcText(gpsNs: bigint, secondUtcMs: number): string {
  return `${new Date(secondUtcMs).toISOString().slice(0, 19).replace("T", " ")}.${milliseconds(gpsNs)}`;
}

function milliseconds(gpsNs: bigint): string {
  return ((gpsNs / 1_000_000n) % 1000n).toString().padStart(3, "0");
}

/** Seconds to nanoseconds, for times within a run. */
export function toNs(seconds: number): bigint {
  return BigInt(Math.round(seconds * 1e9));
}
