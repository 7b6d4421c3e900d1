import { isStrainflowError, StrainflowError } from "@strainflow/series";
import { connect } from "@strainflow/triton";
import { createPageFetcher } from "./fetch-page.ts";

/** A step of an ensemble, as its configuration has it. */
export interface EnsembleStep {
  readonly model: string;
  /** −1: whichever version the server has as its latest. */
  readonly version: number;
}

export interface EnsembleStepsOptions {
  /** Milliseconds until the server must be ready, and that each answer may take. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

type Ask = (model: string) => Promise<readonly EnsembleStep[]>;

/**
 * Steps of each of a server's models, in order, from its configuration; empty for a model that is no ensemble.
 *
 * The connection is made for these questions and not kept: they are few, and a server must be free to end.
 *
 * @param address `grpc://host:port`, `grpcs://host:port`, or `http://host:port`
 * @returns without the models that the server did not tell of: one may have been unloaded by now
 * @throws `models-unreachable` if it tells of none, `aborted`
 */
export async function ensembleSteps(
  address: string,
  models: readonly string[],
  options: EnsembleStepsOptions,
): Promise<ReadonlyMap<string, readonly EnsembleStep[]>> {
  const found = new Map<string, readonly EnsembleStep[]>();
  let failure: unknown;
  const askAll = async (ask: Ask): Promise<void> => {
    for (const model of models)
      try {
        found.set(model, await ask(model));
      } catch (error) {
        if (options.signal.aborted) throw error;
        failure ??= error;
      }
  };
  try {
    if (/^https?:/.test(address)) await askAll((model) => overHttp(address, model, options));
    else await overGrpc(address, options, askAll);
  } catch (error) {
    if (options.signal.aborted || isStrainflowError(error, "aborted"))
      throw new StrainflowError("aborted", "stopped", { cause: error });
    failure = error;
  }
  if (found.size === 0 && failure !== undefined)
    throw new StrainflowError(
      "models-unreachable",
      `${address} tells nothing of its models' steps (${failure instanceof Error ? failure.message : String(failure)})`,
      { cause: failure, details: { address } },
    );
  return found;
}

async function overGrpc(
  address: string,
  { timeoutMs, signal }: EnsembleStepsOptions,
  askAll: (ask: Ask) => Promise<void>,
): Promise<void> {
  const client = await connect(address, { waitMs: timeoutMs, callTimeoutMs: timeoutMs, signal });
  try {
    await askAll(async (model) => {
      const { schedulingChoice } = await client.modelConfig(model);
      if (schedulingChoice.case !== "ensembleScheduling") return [];
      return schedulingChoice.value.step.map(({ modelName, modelVersion }) => ({
        model: modelName,
        version: Number(modelVersion),
      }));
    });
  } finally {
    client.close();
  }
}

async function overHttp(
  address: string,
  model: string,
  { timeoutMs, signal }: EnsembleStepsOptions,
): Promise<EnsembleStep[]> {
  const fetcher = createPageFetcher(new URL(`/v2/models/${encodeURIComponent(model)}/config`, address).href);
  try {
    const config: unknown = JSON.parse(await fetcher.fetch({ timeoutMs, signal }));
    const steps = field(field(config, "ensemble_scheduling"), "step");
    if (!Array.isArray(steps)) return [];
    return steps.map((step: unknown) => ({
      model: String(field(step, "model_name")),
      // 64-bit numbers are strings in protobuf's JSON, and numbers in Triton's.
      version: Number(field(step, "model_version") ?? -1),
    }));
  } finally {
    fetcher.close();
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
