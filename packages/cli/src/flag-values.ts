import { utcToGps } from "@strainflow/series";
import { InvalidArgumentError } from "commander";

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, "": 1000, min: 60_000, h: 3_600_000 };

/** How the values of flags are read; each throws what commander shows beside the flag. */
export const flagValue = {
  number(text: string): number {
    const value = Number(text);
    if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidArgumentError("it must be a number");
    return value;
  },

  /** A whole number of at least `least`. */
  whole(least: number): (text: string) => number {
    return (text) => {
      const value = Number(text);
      if (!/^-?\d+$/.test(text.trim()) || !Number.isSafeInteger(value) || value < least)
        throw new InvalidArgumentError(`it must be a whole number, at least ${least}`);
      return value;
    };
  },

  positive(text: string): number {
    const value = flagValue.number(text);
    if (!(value > 0)) throw new InvalidArgumentError("it must be above 0");
    return value;
  },

  port(text: string): number {
    const value = Number(text);
    if (!/^\d+$/.test(text.trim()) || value > 65_535)
      throw new InvalidArgumentError("it must be a port, 0 to 65535 (0 takes a free one)");
    return value;
  },

  /** `H1,L1` */
  list(text: string): string[] {
    const parts = text.split(",").map((part) => part.trim());
    if (parts.some((part) => part === ""))
      throw new InvalidArgumentError("it must be a list with commas: H1,L1");
    return parts;
  },

  /** `12,25` or `12:25`: a range; one number is both ends. */
  range(text: string): readonly [number, number] {
    const [low = Number.NaN, high = low, ...more] = text.split(/[,:]/).map((part) => flagValue.number(part));
    if (more.length > 0 || !(high >= low)) throw new InvalidArgumentError("it must be a range: 12,25");
    return [low, high];
  },

  /** GPS seconds, or a time in UTC: `2015-09-14T09:50:45Z`. */
  gps(text: string): number {
    if (!/^\d{4}-\d\d-\d\d/.test(text)) return flagValue.number(text);
    const utc = new Date(/Z$|[+-]\d\d:?\d\d$/.test(text) ? text : `${text}Z`);
    if (Number.isNaN(utc.getTime()))
      throw new InvalidArgumentError("it must be GPS seconds, or a time like 2015-09-14T09:50:45Z");
    return utcToGps(utc);
  },

  /** `2`, or `max`. */
  speed(text: string): number {
    if (text === "max") return Number.POSITIVE_INFINITY;
    const value = flagValue.number(text);
    if (!(value > 0)) throw new InvalidArgumentError("it must be above 0, or max");
    return value;
  },

  /** `1s`, `500ms`, `2min`; seconds without a unit. */
  milliseconds(text: string): number {
    const [, number = "", unit = ""] = /^(\d+\.?\d*|\.\d+)\s*(ms|s|min|h|)$/.exec(text.trim()) ?? [];
    const value = Number(number) * (UNIT_MS[unit] ?? Number.NaN);
    if (number === "" || !(value >= 1 && value <= 86_400_000))
      throw new InvalidArgumentError(
        "it must be a time like 500ms, 1s or 2min, at least 1ms and at most a day",
      );
    return value;
  },

  fraction(text: string): number {
    const value = flagValue.number(text);
    if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError("it must be from 0 to 1");
    return value;
  },
};

/** `host:port`, or a port on 127.0.0.1. @throws what commander shows beside a flag */
export function parseListen(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:(.+):)?(\d+)$/.exec(text);
  const host = (match?.[1] ?? "127.0.0.1").replace(/^\[|\]$/g, "");
  if (match === null) throw new InvalidArgumentError("it must be host:port, like 127.0.0.1:9100");
  return { host, port: flagValue.port(match[2] ?? "") };
}
