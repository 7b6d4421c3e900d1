import { resolve } from "node:path";
import type { LaunchOptions } from "@strainflow/launch";
import { StrainflowError } from "@strainflow/series";
import { type Command, InvalidArgumentError, Option } from "commander";
import { flagValue } from "./flag-values.ts";

/** How much our own server takes, keeps and shares out, and what it traces. */
export interface LimitFlags {
  readonly processes?: number;
  readonly maxSequences?: number;
  readonly maxConnections?: number;
  readonly maxMessage?: number;
  readonly maxInFlight?: number;
  readonly responseCache?: number;
  readonly rateLimit?: boolean;
  readonly rateResource?: Readonly<Record<string, number>>;
  readonly traceFile?: string;
  readonly traceOtlp?: string;
  readonly traceLevel?: readonly TraceLevel[];
  readonly traceRate?: number;
  readonly traceCount?: number;
  readonly traceFrequency?: number;
  readonly sharedMemoryPrefix?: string;
}

type Embedded = Extract<LaunchOptions, { runtime: "embedded" }>;
type TraceLevel = NonNullable<NonNullable<Embedded["trace"]>["levels"]>[number];

type LimitOptions = Pick<
  Embedded,
  | "processes"
  | "maxSequences"
  | "maxConnections"
  | "maxMessageSize"
  | "maxInFlight"
  | "responseCacheSize"
  | "rateLimit"
  | "rateLimitResources"
  | "trace"
  | "sharedMemoryPrefix"
>;

const MIB = 2 ** 20;

/** Those of our own server only; handlers have processes and connections too. */
export const LIMIT_FLAGS: readonly (readonly [keyof LimitFlags, string])[] = [
  ["processes", "--processes"],
  ["maxSequences", "--max-sequences"],
  ["maxConnections", "--max-connections"],
  ["maxMessage", "--max-message"],
  ["maxInFlight", "--max-in-flight"],
  ["responseCache", "--response-cache"],
  ["rateLimit", "--rate-limit"],
  ["rateResource", "--rate-resource"],
  ["traceFile", "--trace-file"],
  ["traceOtlp", "--trace-otlp"],
  ["traceLevel", "--trace-level"],
  ["traceRate", "--trace-rate"],
  ["traceCount", "--trace-count"],
  ["traceFrequency", "--trace-frequency"],
  ["sharedMemoryPrefix", "--shared-memory-prefix"],
];

function gatherResource(
  text: string,
  before: Readonly<Record<string, number>> = {},
): Readonly<Record<string, number>> {
  const [, name = "", count = ""] = /^([^=]+)=(\d+)$/.exec(text) ?? [];
  if (name === "") throw new InvalidArgumentError("it must be NAME=count");
  return { ...before, [name]: Number(count) };
}

function traceLevel(text: string): TraceLevel {
  const level = text.toUpperCase();
  if (level !== "TIMESTAMPS" && level !== "TENSORS")
    throw new InvalidArgumentError("it must be timestamps or tensors");
  return level;
}

function httpUrl(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new InvalidArgumentError("it must be a URL like http://127.0.0.1:4318");
  return text;
}

export function addLimitFlags(command: Command): Command {
  return command
    .option(
      "--processes <n>",
      "embedded, handler: processes behind the ports, where one that speaks to all clients is not enough (default: 1)",
      flagValue.whole(1),
    )
    .option(
      "--max-sequences <n>",
      "embedded: sequences that a model holds or has waiting (default: 100000)",
      flagValue.whole(1),
    )
    .option(
      "--max-connections <n>",
      "embedded, handler: open connections; more are closed as they come (default: 10000)",
      flagValue.whole(1),
    )
    .option("--max-message <MiB>", "embedded: largest request (default: 256)", flagValue.positive)
    .option(
      "--max-in-flight <n>",
      "embedded: requests of one stream that wait for an answer before no more are read (default: 1024)",
      flagValue.whole(1),
    )
    .option(
      "--response-cache <MiB>",
      "embedded: memory for answers of models that ask to have them kept (default: none is kept)",
      flagValue.positive,
    )
    .option("--rate-limit", "embedded: instances run by turns, as the rate_limiter of their group says")
    .option(
      "--rate-resource <NAME=count>",
      "embedded: how much there is of a resource, with --rate-limit; may be repeated",
      gatherResource,
    )
    .option("--trace-file <file>", "embedded: traces of requests go there, as JSON")
    .option("--trace-otlp <url>", "embedded: traces go to this OpenTelemetry collector, over HTTP", httpUrl)
    .addOption(
      new Option(
        "--trace-level <level>",
        "embedded: timestamps or tensors are traced from the start; may be repeated (default: none, until clients ask)",
      ).argParser((text: string, before: readonly TraceLevel[] = []) => [...before, traceLevel(text)]),
    )
    .option(
      "--trace-rate <n>",
      "embedded: one request of so many is traced (default: 1000)",
      flagValue.whole(0),
    )
    .option(
      "--trace-count <n>",
      "embedded: so many at most; -1 is any number (default: -1)",
      flagValue.whole(-1),
    )
    .option(
      "--trace-frequency <n>",
      "embedded: so many traces make a file of their own; 0: all go into one (default: 0)",
      flagValue.whole(0),
    )
    .option(
      "--shared-memory-prefix <text>",
      "embedded: keys of shared memory that clients register begin with this (default: any)",
    );
}

/** @throws `usage` where one flag needs another */
export function checkLimitFlags(flags: LimitFlags): void {
  if (flags.rateResource !== undefined && flags.rateLimit !== true)
    throw new StrainflowError("usage", "--rate-resource needs --rate-limit");
  const { traceLevel, traceRate, traceCount, traceFrequency } = flags;
  const about = Object.entries({
    "--trace-level": traceLevel,
    "--trace-rate": traceRate,
    "--trace-count": traceCount,
    "--trace-frequency": traceFrequency,
  }).find(([, value]) => value !== undefined);
  if (about !== undefined && flags.traceFile === undefined && flags.traceOtlp === undefined)
    throw new StrainflowError("usage", `${about[0]} needs --trace-file or --trace-otlp`);
  if (traceFrequency !== undefined && flags.traceFile === undefined)
    throw new StrainflowError("usage", "--trace-frequency needs --trace-file");
}

export function limitOptionsOf(flags: LimitFlags): LimitOptions {
  const { processes, maxSequences, maxConnections, maxMessage, maxInFlight, responseCache } = flags;
  const { rateLimit, rateResource, sharedMemoryPrefix } = flags;
  const trace = traceOf(flags);
  return {
    ...(processes === undefined ? {} : { processes }),
    ...(maxSequences === undefined ? {} : { maxSequences }),
    ...(maxConnections === undefined ? {} : { maxConnections }),
    ...(maxMessage === undefined ? {} : { maxMessageSize: Math.ceil(maxMessage * MIB) }),
    ...(maxInFlight === undefined ? {} : { maxInFlight }),
    ...(responseCache === undefined ? {} : { responseCacheSize: Math.ceil(responseCache * MIB) }),
    ...(rateLimit === true ? { rateLimit: "execution_count" as const } : {}),
    ...(rateResource === undefined ? {} : { rateLimitResources: rateResource }),
    ...(trace === undefined ? {} : { trace }),
    ...(sharedMemoryPrefix === undefined ? {} : { sharedMemoryPrefix }),
  };
}

function traceOf(flags: LimitFlags): Embedded["trace"] {
  const { traceFile: file, traceOtlp: otlp, traceLevel: levels, traceRate: rate, traceCount: count } = flags;
  const { traceFrequency: logFrequency } = flags;
  if (file === undefined && otlp === undefined) return undefined;
  return {
    ...(file === undefined ? {} : { file: resolve(file) }),
    ...(otlp === undefined ? {} : { otlp }),
    ...(levels === undefined ? {} : { levels }),
    ...(rate === undefined ? {} : { rate }),
    ...(count === undefined ? {} : { count }),
    ...(logFrequency === undefined ? {} : { logFrequency }),
  };
}
