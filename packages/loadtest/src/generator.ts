import { type HandlerTargetSpec, openHandlerTarget } from "./handler-target.ts";
import { type ModelTargetSpec, openModelTarget } from "./model-target.ts";
import { type Job, runShots, type Shooting } from "./run-shots.ts";
import { createSampleLog, type SampleBatch } from "./sample-log.ts";
import { createSequencePlan, type SequenceRules } from "./sequence-plan.ts";
import { createPlainPlan } from "./shot-plan.ts";
import type { Target } from "./target.ts";

/** What sends requests and times answers: in this process or in one of its own. */
export interface Generator {
  start(job: Job): Promise<void>;
  /** What was seen since the last look. */
  take(): Promise<SampleBatch>;
  /** Stops the load, waits `drainMs` at most for what is under way, and gives what was seen since the last look. */
  stop(drainMs: number): Promise<SampleBatch>;
  close(): Promise<void>;
}

/** Where a generator sends what. */
export interface GeneratorSpec {
  readonly target: ModelTargetSpec | HandlerTargetSpec;
  readonly sequences?: SequenceRules;
  /** It is number `index` of `of`. */
  readonly index: number;
  readonly of: number;
  readonly seed: number;
}

/** A generator in this process. */
export async function createGenerator(spec: GeneratorSpec): Promise<Generator> {
  const { target } = spec;
  return generatorOf(
    target.kind === "model" ? await openModelTarget(target) : openHandlerTarget(target),
    spec,
  );
}

/** A generator for any target. */
export function generatorOf(target: Target, spec: Omit<GeneratorSpec, "target"> & SizesSource): Generator {
  const sizes = sizesOf(spec);
  const { sequences, index, of, seed } = spec;
  const plan =
    sequences === undefined
      ? createPlainPlan(sizes, index, of)
      : createSequencePlan(sequences, sizes, { index, of, seed });
  const log = createSampleLog();
  let shooting: Shooting | undefined;
  const stop = async (drainMs: number): Promise<SampleBatch> => {
    await shooting?.stop(drainMs);
    shooting = undefined;
    return log.take();
  };
  return {
    async start(job) {
      await stop(0);
      shooting = runShots(target, plan, log, job);
    },
    take: async () => log.take(),
    stop,
    async close() {
      await stop(0);
      target.close();
    },
  };
}

interface SizesSource {
  readonly target:
    | ModelTargetSpec
    | HandlerTargetSpec
    | { readonly kind: "sizes"; readonly sizes: readonly number[] };
}

function sizesOf({ target }: SizesSource): readonly number[] {
  if (target.kind === "sizes") return target.sizes;
  return target.kind === "model" ? target.data.streams.map((steps) => steps.length) : [target.bodies.length];
}
