import { isStrainflowError, StrainflowError } from "@strainflow/series";
import { type CredentialOptions, connect, type TritonClient } from "@strainflow/triton";

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
  readonly credentials?: CredentialOptions;
}

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
  const { timeoutMs, signal, credentials } = options;
  const found = new Map<string, readonly EnsembleStep[]>();
  let failure: unknown;
  try {
    const client = await connect(address, {
      ...credentials,
      waitMs: timeoutMs,
      callTimeoutMs: timeoutMs,
      signal,
    });
    const close = (): void => client.close();
    signal.addEventListener("abort", close, { once: true });
    try {
      for (const model of models)
        try {
          signal.throwIfAborted();
          found.set(model, stepsOf(await client.modelConfig(model)));
        } catch (error) {
          if (signal.aborted) throw error;
          failure ??= error;
        }
    } finally {
      signal.removeEventListener("abort", close);
      close();
    }
  } catch (error) {
    if (signal.aborted || isStrainflowError(error, "aborted"))
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

function stepsOf({ schedulingChoice }: Awaited<ReturnType<TritonClient["modelConfig"]>>): EnsembleStep[] {
  if (schedulingChoice.case !== "ensembleScheduling") return [];
  return schedulingChoice.value.step.map(({ modelName, modelVersion }) => ({
    model: modelName,
    version: Number(modelVersion),
  }));
}
