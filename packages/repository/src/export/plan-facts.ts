import type { ModelConfig } from "@strainflow/proto";
import { repositoryError } from "../errors.ts";
import type { PlanOptions } from "./trtexec-command.ts";

/** What built a plan. */
export interface BuildFacts {
  /** `10.7.0` */
  readonly tensorrtVersion: string;
  /** Of the GPU: `9.0`. */
  readonly computeCapability: string;
  /** The GPU's name, for people. */
  readonly gpu: string;
}

/** What a plan's configuration says of it. */
export interface PlanFacts extends BuildFacts {
  readonly hardwareCompatible: boolean;
  readonly versionCompatible: boolean;
}

const KEYS = {
  tensorrtVersion: "strainflow.tensorrt_version",
  computeCapability: "strainflow.compute_capability",
  gpu: "strainflow.gpu",
  hardwareCompatible: "strainflow.hardware_compatible",
  versionCompatible: "strainflow.version_compatible",
} as const;

/** Parameters of a plan's configuration. */
export function planParameters(facts: BuildFacts, options: PlanOptions): Record<string, string> {
  return {
    [KEYS.tensorrtVersion]: facts.tensorrtVersion,
    [KEYS.computeCapability]: facts.computeCapability,
    [KEYS.gpu]: facts.gpu,
    ...(options.hardwareCompatible === true ? { [KEYS.hardwareCompatible]: "true" } : {}),
    ...(options.versionCompatible === true ? { [KEYS.versionCompatible]: "true" } : {}),
  };
}

/** Reads them back; undefined for a plan that somebody else built. */
export function planFactsOf(config: ModelConfig): PlanFacts | undefined {
  const value = (key: keyof typeof KEYS): string => config.parameters[KEYS[key]]?.stringValue ?? "";
  if (value("tensorrtVersion") === "" || value("computeCapability") === "") return undefined;
  return {
    tensorrtVersion: value("tensorrtVersion"),
    computeCapability: value("computeCapability"),
    gpu: value("gpu"),
    hardwareCompatible: value("hardwareCompatible") === "true",
    versionCompatible: value("versionCompatible") === "true",
  };
}

/**
 * Reads from what `trtexec` says which TensorRT it is and on which GPU it runs.
 *
 * @throws `export-failed`, since a plan whose makers are not known cannot be checked before it is served
 */
export function readBuildFacts(name: string, said: string): BuildFacts {
  const tensorrtVersion = /TensorRT version: (\d+\.\d+\.\d+)/.exec(said)?.[1] ?? banner(said);
  const computeCapability = /Compute Capability: (\d+\.\d+)/.exec(said)?.[1];
  if (tensorrtVersion === undefined || computeCapability === undefined)
    throw repositoryError(
      "export-failed",
      `${name}: which TensorRT and which GPU built the plan cannot be read from what trtexec says; is it trtexec?`,
      { modelName: name, output: said.slice(0, 2000) },
    );
  return { tensorrtVersion, computeCapability, gpu: /Selected Device: (.+?)\s*$/m.exec(said)?.[1] ?? "" };
}

/** `[TensorRT v8601]` is 8.6.1, `[TensorRT v100700]` 10.7.0: since version 10 each part has two digits. */
function banner(said: string): string | undefined {
  const digits = /\[TensorRT v(\d{4,6})\]/.exec(said)?.[1];
  if (digits === undefined) return undefined;
  const number = Number(digits);
  const [major, minor, patch] =
    digits.length > 4
      ? [Math.floor(number / 10_000), Math.floor(number / 100) % 100, number % 100]
      : [Math.floor(number / 1000), Math.floor(number / 100) % 10, number % 100];
  return `${major}.${minor}.${patch}`;
}
