import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { extname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { StrainflowError } from "@strainflow/series";
import { z } from "zod";
import { parseListen } from "./flag-values.ts";
import { settingsProblems } from "./settings-problems.ts";

const positive = z.number().positive();

/**
 * What a settings file may hold: every flag of `replay` has its place here, in camel case. What is about access is taken
 * by all commands that ask a server, `imageFolder` by those that run a container.
 */
export interface FileSettings {
  /** Detectors to search together. Default: those in the files. */
  readonly ifos?: readonly string[] | undefined;
  /** Hz of conditioning and inference. Default 2048. */
  readonly sampleRate?: number | undefined;
  /** Seconds of past that each PSD is made of. Default 8 for less than 128 s of data, else 32. */
  readonly psdLength?: number | undefined;
  /** Seconds of one PSD segment. Default 2. */
  readonly fftLength?: number | undefined;
  /** Seconds that the inverse ASD is cut to. Default 2. */
  readonly filterLength?: number | undefined;
  /** Hz below which nothing passes. Default 25. */
  readonly highpass?: number | undefined;
  /** Seconds from one PSD to the next. Default 1, with a PSD of at least 32 s 4. */
  readonly psdStride?: number | undefined;
  /** Least network SNR of a detection. Default 8. */
  readonly threshold?: number | undefined;
  /** Least SNR of each detector that takes part. Default 4. */
  readonly singleThreshold?: number | undefined;
  /** Seconds in which there is one detection at most. Default 1. */
  readonly clusterLength?: number | undefined;
  /** Seconds added to the light-travel time. Default 0.002. */
  readonly coincidencePad?: number | undefined;
  /** Requests under way at once. Default 8. */
  readonly maxInFlight?: number | undefined;
  /** Outputs of the built-in detector per second. Default 16. */
  readonly outputsPerSecond?: number | undefined;
  /** Outputs per request. Default: one second's; four of files, where the PSD's stride is a multiple of 4 s. */
  readonly batchSize?: number | undefined;
  /** Templates of the built-in detector's bank. Default 32. */
  readonly templates?: number | undefined;
  /** Address of a server, "grpc://host:port"; default: one is started here. */
  readonly server?: string | undefined;
  /** Whether servers are spoken to by TLS: `host:port` is then `grpcs://host:port`. Default: as their addresses say. */
  readonly tls?: boolean | undefined;
  /** File of certificates (PEM) that a server's must be signed by. Default: the system's. */
  readonly tlsCa?: string | undefined;
  /** File of our own certificate (PEM), where a server wants to know who calls. */
  readonly tlsCert?: string | undefined;
  /** File of its key (PEM). */
  readonly tlsKey?: string | undefined;
  /** Name that a server's certificate must have, where it is not that of its address. */
  readonly tlsName?: string | undefined;
  /** Token that servers want. Better in a file of its own: tokenFile. */
  readonly token?: string | undefined;
  /** File with that token; of a server's own token file, the first one is taken. */
  readonly tokenFile?: string | undefined;
  /** Folder where container images lie that are named without a path. Default: the environment's STRAINFLOW_IMAGES. */
  readonly imageFolder?: string | undefined;
  /** Name of the model to stream to. Default: the built-in detector. */
  readonly model?: string | undefined;
  /** Folder of a model repository for the server that is started here. */
  readonly repository?: string | undefined;
  /** Threads of the server that is started here. Default: as many as cores. */
  readonly workers?: number | undefined;
  /** Folder for results. Default "strainflow-out". */
  readonly out?: string | undefined;
  /** GPS seconds where to begin. */
  readonly gpsStart?: number | undefined;
  /** GPS seconds where to end. */
  readonly gpsEnd?: number | undefined;
  /** Data-quality bits that must be set. */
  readonly requireQuality?: readonly (string | number)[] | undefined;
  /** What a damaged chunk of a file is. Default error. */
  readonly damaged?: "error" | "gap" | undefined;
  /** Where to tell, while it runs, how long servers' answers take: host:port. Default: nowhere. */
  readonly listen?: string | undefined;
  /** How the output series is written. Default hdf5. */
  readonly series?: "none" | "hdf5" | "arrow" | undefined;
}

const file = z.string().min(1);

/** How servers are spoken to. */
const accessFields = {
  tls: z
    .boolean()
    .describe(
      "Whether servers are spoken to by TLS: host:port is then grpcs://host:port. Default: as their addresses say.",
    ),
  tlsCa: file.describe(
    "File of certificates (PEM) that a server's must be signed by. Default: the system's.",
  ),
  tlsCert: file.describe("File of our own certificate (PEM), where a server wants to know who calls."),
  tlsKey: file.describe("File of its key (PEM)."),
  tlsName: file.describe("Name that a server's certificate must have, where it is not that of its address."),
  token: z
    .string()
    .refine((text) => /^\S+$/.test(text), "a text without spaces")
    .describe("Token that servers want. Better in a file of its own: tokenFile."),
  tokenFile: file.describe("File with that token; of a server's own token file, the first one is taken."),
};

const fields = z
  .strictObject({
    ifos: z
      .array(z.string().min(1))
      .min(1)
      .refine((names) => new Set(names).size === names.length, "different detectors")
      .describe("Detectors to search together. Default: those in the files."),
    sampleRate: z.int().positive().describe("Hz of conditioning and inference. Default 2048."),
    psdLength: positive.describe(
      "Seconds of past that each PSD is made of. Default 8 for less than 128 s of data, else 32.",
    ),
    fftLength: positive.describe("Seconds of one PSD segment. Default 2."),
    filterLength: positive.describe("Seconds that the inverse ASD is cut to. Default 2."),
    highpass: z.number().nonnegative().describe("Hz below which nothing passes. Default 25."),
    psdStride: positive.describe(
      "Seconds from one PSD to the next. Default 1, with a PSD of at least 32 s 4.",
    ),
    threshold: z.number().nonnegative().describe("Least network SNR of a detection. Default 8."),
    singleThreshold: z
      .number()
      .nonnegative()
      .describe("Least SNR of each detector that takes part. Default 4."),
    clusterLength: positive.describe("Seconds in which there is one detection at most. Default 1."),
    coincidencePad: z
      .number()
      .nonnegative()
      .describe("Seconds added to the light-travel time. Default 0.002."),
    maxInFlight: z.int().positive().describe("Requests under way at once. Default 8."),
    outputsPerSecond: z.int().positive().describe("Outputs of the built-in detector per second. Default 16."),
    batchSize: z
      .int()
      .positive()
      .describe(
        "Outputs per request. Default: one second's; four of files, where the PSD's stride is a multiple of 4 s.",
      ),
    templates: z.int().positive().describe("Templates of the built-in detector's bank. Default 32."),
    server: z.string().describe('Address of a server, "grpc://host:port"; default: one is started here.'),
    ...accessFields,
    imageFolder: z
      .string()
      .min(1)
      .describe(
        "Folder where container images lie that are named without a path. Default: the environment's STRAINFLOW_IMAGES.",
      ),
    model: z.string().describe("Name of the model to stream to. Default: the built-in detector."),
    repository: z.string().describe("Folder of a model repository for the server that is started here."),
    workers: z
      .int()
      .positive()
      .describe("Threads of the server that is started here. Default: as many as cores."),
    out: z.string().describe('Folder for results. Default "strainflow-out".'),
    gpsStart: z.number().describe("GPS seconds where to begin."),
    gpsEnd: z.number().describe("GPS seconds where to end."),
    requireQuality: z.array(z.union([z.string(), z.int()])).describe("Data-quality bits that must be set."),
    damaged: z.enum(["error", "gap"]).describe("What a damaged chunk of a file is. Default error."),
    listen: z
      .string()
      .refine(isListen, "host:port, like 127.0.0.1:9101")
      .describe("Where to tell, while it runs, how long servers' answers take: host:port. Default: nowhere."),
    series: z.enum(["none", "hdf5", "arrow"]).describe("How the output series is written. Default hdf5."),
  })
  .partial();
const schema: z.ZodType<FileSettings> = fields;

/** Names of all settings. */
export const settingNames: readonly string[] = Object.keys(fields.shape);

/** For `strainflow.config.ts`: types and completion. */
export function defineSettings(settings: FileSettings): FileSettings {
  return settings;
}

/** The JSON schema of a settings file, for editors. */
export function settingsSchema(): Record<string, unknown> {
  return { ...z.toJSONSchema(schema), title: "strainflow settings" };
}

function isListen(text: string): boolean {
  try {
    parseListen(text);
    return true;
  } catch {
    return false;
  }
}

const NAMES = [
  "strainflow.config.ts",
  "strainflow.config.json",
  "strainflow.config.yaml",
  "strainflow.config.yml",
];

/**
 * Reads settings: from `path`, or from the first `strainflow.config.{ts,json,yaml}` in the current folder, if any.
 *
 * @throws `settings-unreadable`, `settings-invalid`
 */
export async function readSettings(
  path: string | undefined,
): Promise<{ settings: FileSettings; path?: string }> {
  const found = path ?? NAMES.find((name) => existsSync(name));
  if (found === undefined) return { settings: {} };
  const full = resolve(found);
  if (!existsSync(full))
    throw new StrainflowError("settings-unreadable", `${found}: there is no such file`, {
      details: { path: full },
    });
  let value: unknown;
  try {
    value = await load(full);
  } catch (cause) {
    throw new StrainflowError(
      "settings-unreadable",
      `${found}: ${cause instanceof Error ? cause.message.trim() : String(cause)}`,
      { cause, details: { path: full } },
    );
  }
  return { settings: checkSettings(value, found), path: found };
}

/**
 * Checks values against the schema.
 *
 * @param path the file that they come from; absent where they are flags
 * @throws `settings-invalid`, naming each that cannot be used
 */
export function checkSettings(value: unknown, path?: string): FileSettings {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = settingsProblems(parsed.error.issues, value, settingNames, path === undefined);
  const where = path === undefined ? "" : `${path}: `;
  throw new StrainflowError("settings-invalid", `${where}${problems.join("\n  ")}`, {
    details: { path, problems },
  });
}

/** This package, built or from its source. */
const own = fileURLToPath(new URL(`./index${extname(import.meta.url)}`, import.meta.url));

async function load(path: string): Promise<unknown> {
  switch (extname(path)) {
    case ".json": {
      const value: unknown = JSON.parse(await readFile(path, "utf8"));
      if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
      return Object.fromEntries(Object.entries(value).filter(([name]) => name !== "$schema"));
    }
    case ".yaml":
    case ".yml":
      return (await import("yaml")).parse(await readFile(path, "utf8")) ?? {};
    case ".ts":
    case ".mts":
    case ".js":
    case ".mjs":
      // Wherever the file lies, `strainflow` in it is this one.
      return (await import("jiti"))
        .createJiti(import.meta.url, { alias: { strainflow: own } })
        .import(path, { default: true });
    default:
      throw new Error("settings are .ts, .js, .json or .yaml files");
  }
}
