import { isStrainflowError, type StrainflowError } from "@strainflow/series";
import { averages } from "./averages.ts";
import type { ModelDelta } from "./deltas.ts";
import { type EnsembleStep, ensembleSteps } from "./ensemble-steps.ts";
import type { ModelMetrics } from "./model-counters.ts";
import type { ModelActivity } from "./monitor-sample.ts";
import type { MonitoredServer } from "./server-address.ts";

/** How long a server may take to tell its models' configurations, and until it is asked again after it did not. */
const STEPS_MS = 2000;
const STEPS_AGAIN_MS = 30_000;

/** What is known of the steps of a server's models. */
export interface KnownSteps {
  readonly steps: ReadonlyMap<string, readonly EnsembleStep[]>;
  /** Asks for models that nothing is known of. Says once what stands in the way. */
  ask(models: readonly ModelMetrics[], wait: boolean): Promise<StrainflowError | undefined>;
}

/** @param server where configurations are to be had; without `models`, nothing is ever known */
export function knownSteps(
  { models: address, credentials = {} }: Pick<MonitoredServer, "models" | "credentials">,
  signal: AbortSignal,
): KnownSteps {
  const steps = new Map<string, readonly EnsembleStep[]>();
  let asking: Promise<void> | undefined;
  let notBefore = 0;
  let problem: StrainflowError | undefined;
  let told = false;
  return {
    steps,
    async ask(models, wait) {
      const names = [...new Set(models.map(({ model }) => model))];
      // A model that was unloaded may come back as another.
      for (const name of steps.keys()) if (!names.includes(name)) steps.delete(name);
      const unknown = names.filter((name) => !steps.has(name));
      if (address !== undefined && unknown.length > 0 && performance.now() >= notBefore)
        asking ??= ensembleSteps(address, unknown, { timeoutMs: STEPS_MS, signal, credentials })
          .then((found) => {
            for (const [name, own] of found) steps.set(name, own);
            if (found.size < unknown.length) notBefore = performance.now() + STEPS_AGAIN_MS;
          })
          .catch((error: unknown) => {
            notBefore = performance.now() + STEPS_AGAIN_MS;
            if (isStrainflowError(error, "models-unreachable")) problem ??= error;
            else if (!signal.aborted) throw error;
          })
          .finally(() => {
            asking = undefined;
          });
      if (wait) await asking;
      else asking?.catch(() => undefined);
      if (told || problem === undefined) return undefined;
      told = true;
      return problem;
    },
  };
}

/** Each model with what it consists of, and what it is part of. */
export function withSteps(
  models: readonly ModelDelta[],
  elapsedSeconds: number,
  steps: ReadonlyMap<string, readonly EnsembleStep[]>,
): ModelActivity[] {
  const versions = new Map<string, string>();
  for (const { model, version } of models)
    if (!(Number(versions.get(model)) > Number(version))) versions.set(model, version);
  return models.map((delta) => {
    const own = steps.get(delta.model) ?? [];
    const stepOf = [...steps]
      .filter(([, list]) =>
        list.some(
          ({ model, version }) =>
            model === delta.model && (version < 0 ? versions.get(model) : String(version)) === delta.version,
        ),
      )
      .map(([ensemble]) => ensemble)
      .sort();
    return {
      ...delta,
      averages: averages(delta.counters, elapsedSeconds),
      ...(own.length === 0 ? {} : { steps: own.map(({ model }) => model) }),
      stepOf,
    };
  });
}
