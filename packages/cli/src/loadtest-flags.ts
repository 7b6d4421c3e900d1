import { readFile } from "node:fs/promises";
import { concurrencies, type InputSource, type LatencyGoal, type Load, rates } from "@strainflow/loadtest";
import { isStrainflowError, StrainflowError } from "@strainflow/series";
import { InvalidArgumentError } from "commander";

/** `1:16:2`, `4`, or a list of both: `1,2,4:8`. */
export interface RangeList {
  readonly ranges: readonly { readonly start: number; readonly end: number; readonly step: number }[];
}

export function rangeList(text: string): RangeList {
  return {
    ranges: text.split(",").map((part) => {
      const [start = Number.NaN, end = start, step = 1, ...more] = part
        .split(":")
        .map((each) => (each.trim() === "" ? Number.NaN : Number(each)));
      if (more.length > 0 || ![start, end, step].every((value) => value > 0) || end < start)
        throw new InvalidArgumentError(
          "it must be a number, start:end or start:end:step, as 1:16:2, or a list of them",
        );
      return { start, end, step };
    }),
  };
}

interface LoadFlags {
  readonly concurrency?: RangeList;
  readonly rate?: RangeList;
  readonly poisson?: boolean;
  readonly intervals?: string;
}

/** The loads that flags ask for. @throws `usage`, `loadtest-input`, `invalid-option` */
export async function loadsOf({ concurrency, rate, poisson = false, intervals }: LoadFlags): Promise<Load[]> {
  const given = [concurrency, rate, intervals].filter((each) => each !== undefined);
  if (given.length > 1)
    throw new StrainflowError(
      "usage",
      "--concurrency, --rate and --intervals are three kinds of load; give one of them",
    );
  if (poisson && rate === undefined)
    throw new StrainflowError("usage", "--poisson is how requests come at a --rate");
  if (intervals !== undefined) return [{ kind: "intervals", intervalsMs: await readIntervals(intervals) }];
  if (rate !== undefined)
    return rate.ranges.flatMap((range) => rates(range, poisson ? "poisson" : "constant"));
  const { ranges } = concurrency ?? { ranges: [{ start: 1, end: 1, step: 1 }] };
  return ranges.flatMap((range) => concurrencies(range));
}

/** As for perf_analyzer: gaps in microseconds, one per line. */
async function readIntervals(path: string): Promise<number[]> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new StrainflowError("loadtest-input", `${path} cannot be read: ${message(cause)}`, { cause });
  });
  const lines = text.split("\n").map((line) => line.trim());
  const micros = lines.flatMap((line, i) => {
    if (line === "") return [];
    const value = Number(line);
    if (!(value >= 0))
      throw new StrainflowError(
        "loadtest-input",
        `${path}, line ${i + 1}: "${line}" is no gap between requests; one number of microseconds per line is wanted`,
      );
    return [value];
  });
  if (micros.length === 0)
    throw new StrainflowError("loadtest-input", `${path} has no gaps between requests`);
  return micros.map((value) => value / 1000);
}

const UNIT_MS: Readonly<Record<string, number>> = { us: 0.001, µs: 0.001, ms: 1, s: 1000 };

/** `p99=20ms`, `p99.9<=1s`, `5ms`. */
export function latencyGoal(text: string): LatencyGoal {
  const match = /^(?:p(\d+(?:\.\d+)?)\s*(?:=|<=|<|≤)\s*)?(\d+(?:\.\d+)?|\.\d+)\s*(us|µs|ms|s)$/.exec(
    text.trim(),
  );
  const [, percent = "99", value = "", unit = ""] = match ?? [];
  const latencyMs = Number(value) * (UNIT_MS[unit] ?? Number.NaN);
  const percentile = Number(percent);
  if (match === null || !(latencyMs > 0) || !(percentile > 0 && percentile <= 100))
    throw new InvalidArgumentError("it must be a percentile and a time, as p99=20ms");
  return { percentile, latencyMs };
}

/** `x:3,224`, several times. */
export function shapeFlag(
  text: string,
  before: Readonly<Record<string, readonly number[]>> | undefined,
): Record<string, readonly number[]> {
  const match = /^(.+):(\d+(?:,\d+)*|)$/.exec(text);
  if (match === null)
    throw new InvalidArgumentError("it must be an input and its sizes without the batch, as x:3,224");
  const [, name = "", sizes = ""] = match;
  return { ...before, [name]: sizes === "" ? [] : sizes.split(",").map(Number) };
}

/** `name=file`, several times. */
export function namedFile(
  text: string,
  before: Readonly<Record<string, string>> | undefined,
): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1 || at === text.length - 1) throw new InvalidArgumentError("it must be name=file.npy");
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** `random`, `zero`, `file.json`, or `name=file.npy`, several times. */
export function inputFlag(text: string, before: InputSource | undefined): InputSource {
  if (text === "random" || text === "zero") return { kind: text };
  if (text.endsWith(".json")) return { kind: "json", path: text };
  if (!text.includes("="))
    throw new InvalidArgumentError(
      "it must be random, zero, a file.json, or an input's array: name=file.npy",
    );
  return { kind: "npy", inputs: namedFile(text, before?.kind === "npy" ? before.inputs : {}) };
}

/** `name: value`, several times. */
export function headerFlag(
  text: string,
  before: Readonly<Record<string, string>> | undefined,
): Record<string, string> {
  const match = /^([\w!#$%&'*+.^`|~-]+):\s*(.*)$/.exec(text);
  if (match === null) throw new InvalidArgumentError("it must be a header, as 'accept: application/json'");
  const [, name = "", value = ""] = match;
  return { ...before, [name]: value };
}

/** `5` (percent). */
export function percent(text: string): number {
  const value = Number(text.replace(/\s*%$/, ""));
  if (text.trim() === "" || !(value >= 0 && value <= 100))
    throw new InvalidArgumentError("it must be a percentage, 0 to 100");
  return value / 100;
}

/** `2`, or `auto`. */
export function processesFlag(text: string): number | "auto" {
  if (text === "auto") return text;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1)
    throw new InvalidArgumentError("it must be a whole number of at least 1, or auto");
  return value;
}

/** A body: `@file`, or text as it is. JSON where it is JSON. */
export async function readBody(
  text: string,
): Promise<{ readonly bytes: Uint8Array; readonly json: boolean }> {
  if (!text.startsWith("@")) return { bytes: Buffer.from(text, "utf8"), json: isJson(text) };
  const path = text.slice(1);
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new StrainflowError("loadtest-input", `${path} cannot be read: ${message(cause)}`, { cause });
  });
  return { bytes, json: isJson(bytes.toString("utf8")) };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function message(cause: unknown): string {
  if (isStrainflowError(cause)) return cause.message;
  return cause instanceof Error ? cause.message : String(cause);
}
