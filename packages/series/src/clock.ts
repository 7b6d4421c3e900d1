import { invalidOption, StrainflowError } from "./errors.ts";

/*
 * Time is a count of samples since the GPS epoch (1980-01-06 00:00:00 UTC) at a series' own integer rate.
 * 1/4096 s is not a whole number of nanoseconds and GPS nanoseconds do not fit a JS number, but
 * 16384 Hz × 1.4e9 s ≈ 2.3e13 is far below 2^53. Nanoseconds, as bigint, appear at the edges only:
 * files, messages, events, logs.
 */

const NS_PER_S = 1_000_000_000n;

/** A stamp within this many nanoseconds of the sample grid is taken to be on it. */
export const GRID_TOLERANCE_NS = 500n;

/** Checks that `sampleRate` (Hz) is one that the clock can count in: a whole number from 1 to 2^20. */
export function checkSampleRate(where: string, sampleRate: number): number {
  if (!Number.isInteger(sampleRate) || sampleRate < 1 || sampleRate > 1_048_576)
    throw invalidOption(where, "sampleRate", sampleRate, "a whole number of Hz between 1 and 1048576");
  return sampleRate;
}

/** GPS nanoseconds of sample `index` at `sampleRate` Hz, rounded to the nearest. */
export function indexToNs(index: number, sampleRate: number): bigint {
  const rate = BigInt(sampleRate);
  const scaled = BigInt(index) * NS_PER_S;
  const doubled = 2n * scaled + rate;
  const quotient = doubled / (2n * rate);
  return doubled < 0n && doubled % (2n * rate) !== 0n ? quotient - 1n : quotient;
}

/**
 * Sample index of a GPS stamp.
 *
 * @throws `misaligned` if the stamp is more than {@link GRID_TOLERANCE_NS} away from the grid of `sampleRate`
 */
export function nsToIndex(gpsNs: bigint, sampleRate: number): number {
  const index = nearestIndex(gpsNs, sampleRate);
  const off = gpsNs - indexToNs(index, sampleRate);
  if (off > GRID_TOLERANCE_NS || off < -GRID_TOLERANCE_NS)
    throw new StrainflowError(
      "misaligned",
      `GPS ${formatNs(gpsNs)} lies ${off} ns off the grid of ${sampleRate} Hz (multiples of 1/${sampleRate} s from the GPS epoch); ` +
        "correct the stamp, or ask for resampling onto the grid",
      { details: { gpsNs, sampleRate, offNs: off } },
    );
  return index;
}

/** The sample whose time is nearest to a GPS stamp. */
export function nearestIndex(gpsNs: bigint, sampleRate: number): number {
  const seconds = gpsNs / NS_PER_S;
  const rest = Number(gpsNs - seconds * NS_PER_S);
  return Number(seconds) * sampleRate + Math.round((rest * sampleRate) / 1e9);
}

/** GPS seconds as a JS number: for reading and plotting, good to about 0.2 µs; never for arithmetic on samples. */
export function indexToSeconds(index: number, sampleRate: number): number {
  const whole = Math.floor(index / sampleRate);
  return whole + (index - whole * sampleRate) / sampleRate;
}

/** Sample index of whole or fractional GPS seconds, if they lie on the grid. @throws `misaligned` */
export function secondsToIndex(seconds: number, sampleRate: number): number {
  return nsToIndex(secondsToNs(seconds), sampleRate);
}

/** GPS seconds (a JS number) to nanoseconds. */
export function secondsToNs(seconds: number): bigint {
  const whole = Math.floor(seconds);
  return BigInt(whole) * NS_PER_S + BigInt(Math.round((seconds - whole) * 1e9));
}

/** GPS nanoseconds to seconds, for reading. */
export function nsToSeconds(gpsNs: bigint): number {
  const seconds = gpsNs / NS_PER_S;
  return Number(seconds) + Number(gpsNs - seconds * NS_PER_S) / 1e9;
}

/** `1126259462.428` : GPS seconds with `digits` decimals, truncated towards the past. */
export function formatNs(gpsNs: bigint, digits = 9): string {
  const negative = gpsNs < 0n;
  const absolute = negative ? -gpsNs : gpsNs;
  const fraction = (absolute % NS_PER_S).toString().padStart(9, "0").slice(0, digits);
  return `${negative ? "-" : ""}${absolute / NS_PER_S}${digits > 0 ? `.${fraction}` : ""}`;
}

/**
 * Converts a sample index from one rate to another.
 *
 * @throws `misaligned` if the instant is not on the grid of `toRate`
 */
export function convertIndex(index: number, fromRate: number, toRate: number): number {
  if (fromRate === toRate) return index;
  const whole = Math.floor(index / fromRate);
  const rest = ((index - whole * fromRate) * toRate) / fromRate;
  if (!Number.isInteger(rest))
    throw new StrainflowError(
      "misaligned",
      `sample ${index} at ${fromRate} Hz lies between two samples of ${toRate} Hz; cut the stretch at a time common to both rates`,
      { details: { index, fromRate, toRate } },
    );
  return whole * toRate + rest;
}

/** The first sample at `toRate` that is not before sample `index` at `fromRate`. */
export function convertIndexCeil(index: number, fromRate: number, toRate: number): number {
  const whole = Math.floor(index / fromRate);
  return whole * toRate + Math.ceil(((index - whole * fromRate) * toRate) / fromRate);
}

/** The last sample at `toRate` that is not after sample `index` at `fromRate`. */
export function convertIndexFloor(index: number, fromRate: number, toRate: number): number {
  const whole = Math.floor(index / fromRate);
  return whole * toRate + Math.floor(((index - whole * fromRate) * toRate) / fromRate);
}
