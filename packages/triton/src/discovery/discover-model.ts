import {
  GRPCInferenceService,
  type ModelConfig,
  type ModelMetadataResponse,
  type ModelMetadataResponse_TensorMetadata,
} from "@strainflow/proto";
import { isDatatype, isStrainflowError, StrainflowError, type TensorSpec } from "@strainflow/series";
import { type CallOptions, callLimits } from "../call-options.ts";
import type { Link } from "../transport/link.ts";
import { askUntil } from "../transport/readiness.ts";
import { type Configs, stepKey } from "./step-configs.ts";

const methods = GRPCInferenceService.method;

/** What a server says of a model. */
export interface ModelFacts {
  readonly metadata: ModelMetadataResponse;
  readonly config: ModelConfig;
  /** Of an ensemble's steps, and of theirs, each in the version that the ensemble names. */
  readonly configs: Configs;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

export interface DiscoverOptions extends CallOptions {
  /** Empty: whichever the server serves by default. */
  readonly version: string;
  /** Milliseconds that the model may take to be loaded. */
  readonly waitMs: number;
  readonly timeoutMs: number;
}

/** @throws `model-not-found`, `model-not-ready` (it is in the repository, and not loaded), `aborted`, `rpc-failed` */
export async function discoverModel(link: Link, name: string, options: DiscoverOptions): Promise<ModelFacts> {
  const { version, waitMs, signal } = options;
  const limits = callLimits(options, options.timeoutMs);
  const metadata = await askUntil({
    waitMs,
    signal,
    what: `model "${name}"`,
    retried: (error) => waitMs > 0 && isStrainflowError(error, "model-not-ready"),
    giveUp: (cause) => (cause instanceof Error ? cause : new Error(String(cause))),
    async ask() {
      try {
        return await link.call(methods.modelMetadata, { name, version }, limits);
      } catch (error) {
        if (isStrainflowError(error, "model-not-found")) throw await whyNotReady(link, name, error, options);
        throw error;
      }
    },
  });
  const config = await modelConfig(link, name, version, options);
  const configs = new Map<string, ModelConfig>();
  await addSteps(link, config, configs, options);
  return {
    metadata,
    config,
    configs,
    inputs: metadata.inputs.map((input) => tensorSpec(name, input)),
    outputs: metadata.outputs.map((output) => tensorSpec(name, output)),
  };
}

export async function modelConfig(
  link: Link,
  name: string,
  version: string,
  options: CallOptions & { readonly timeoutMs: number },
): Promise<ModelConfig> {
  const limits = callLimits(options, options.timeoutMs);
  const { config } = await link.call(methods.modelConfig, { name, version }, limits);
  if (config === undefined)
    throw new StrainflowError("rpc-failed", `${link.address} gave no configuration for model "${name}"`);
  return config;
}

async function addSteps(
  link: Link,
  config: ModelConfig,
  found: Map<string, ModelConfig>,
  options: DiscoverOptions,
): Promise<void> {
  if (config.schedulingChoice.case !== "ensembleScheduling") return;
  for (const step of config.schedulingChoice.value.step) {
    const key = stepKey(step);
    if (found.has(key)) continue;
    const version = step.modelVersion > 0n ? String(step.modelVersion) : "";
    const steps = await modelConfig(link, step.modelName, version, options);
    found.set(key, steps);
    await addSteps(link, steps, found, options);
  }
}

/** A model that is in the repository is one to wait for, or to load; another is not. */
async function whyNotReady(
  link: Link,
  modelName: string,
  error: StrainflowError,
  { version, waitMs, ...options }: DiscoverOptions,
): Promise<StrainflowError> {
  let entries: readonly { name: string; version: string; state: string; reason: string }[];
  try {
    ({ models: entries } = await link.call(
      methods.repositoryIndex,
      {},
      callLimits(options, options.timeoutMs),
    ));
  } catch {
    return error;
  }
  const mine = entries.filter(({ name }) => name === modelName);
  const ready = mine.filter(({ state }) => state === "READY").map((entry) => entry.version);
  if (mine.length === 0 || (version !== "" && ready.length > 0)) return error;
  const states = mine.map(({ version: v, state, reason }) =>
    [v === "" ? "" : `version ${v}`, state || "never loaded", reason && `(${reason})`]
      .filter((word) => word !== "")
      .join(" "),
  );
  return new StrainflowError(
    "model-not-ready",
    `model "${modelName}" at ${link.address} is not loaded${waitMs > 0 ? ` after ${waitMs} ms` : ""}: ${states.join("; ")}; ` +
      "load it, or wait for it with waitMs",
    { cause: error, details: { address: link.address, modelName, states } },
  );
}

function tensorSpec(
  modelName: string,
  { name, datatype, shape }: ModelMetadataResponse_TensorMetadata,
): TensorSpec {
  if (!isDatatype(datatype))
    throw new StrainflowError(
      "rpc-failed",
      `model "${modelName}" has a tensor "${name}" of unknown datatype "${datatype}"`,
    );
  return { name, datatype, shape: shape.map(Number) };
}
