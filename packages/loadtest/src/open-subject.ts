import { invalidOption } from "@strainflow/series";
import { connect, type TritonClient } from "@strainflow/triton";
import type { Generator, GeneratorSpec } from "./generator.ts";
import { createGenerator } from "./generator.ts";
import { handlerSpec } from "./handler-spec.ts";
import type { LoadTestOptions, ModelUnderLoad } from "./load-test-options.ts";
import type { SubjectFacts } from "./load-test-result.ts";
import type { Subject } from "./measure-level.ts";
import { modelSpec } from "./model-spec.ts";
import { createProcessGenerator } from "./process-generator.ts";
import { readCounters } from "./server-figures.ts";

/** What is under load, with generators that can be added to. */
export interface OpenSubject {
  readonly facts: SubjectFacts;
  /** With so many generators, at least; the first is in this process where it is the only one. */
  withGenerators(count: number): Promise<Subject>;
  close(): Promise<void>;
}

/** Connects, reads metadata and inputs. @throws what they throw */
export async function openSubject(options: LoadTestOptions): Promise<OpenSubject> {
  const { target } = options;
  if (target.url !== undefined) {
    const { spec, facts } = handlerSpec(target, options);
    return subjectOf(facts, { target: spec }, undefined, [], options);
  }
  const client = await connect(target.server, { ...target.connect, ...signalOf(options) });
  try {
    const { spec, facts, models } = await modelSpec(client, target, options);
    return subjectOf(facts, spec, client, models, options);
  } catch (error) {
    client.close();
    throw error;
  }
}

function signalOf({ signal }: LoadTestOptions): Pick<NonNullable<ModelUnderLoad["connect"]>, "signal"> {
  return signal === undefined ? {} : { signal };
}

function subjectOf(
  facts: SubjectFacts,
  spec: Pick<GeneratorSpec, "target" | "sequences">,
  client: TritonClient | undefined,
  models: readonly string[],
  { seed = 1 }: LoadTestOptions,
): OpenSubject {
  let generators: Generator[] = [];
  const closeGenerators = async (): Promise<void> => {
    await Promise.all(generators.splice(0).map((generator) => generator.close()));
  };
  const subject = (): Subject => ({
    generators,
    counters: async () => (client === undefined ? undefined : readCounters(client, models)),
    modelName: facts.model ?? "",
    batchSize: facts.batchSize,
  });
  return {
    facts,
    async withGenerators(count) {
      if (generators.length === count) return subject();
      await closeGenerators();
      const make = count === 1 ? createGenerator : createProcessGenerator;
      const opening = Array.from({ length: count }, (_, index) => make({ ...spec, index, of: count, seed }));
      const opened = await Promise.allSettled(opening);
      generators = opened.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
      const refused = opened.find((each) => each.status === "rejected");
      if (refused !== undefined) {
        await closeGenerators();
        throw refused.reason;
      }
      return subject();
    },
    async close() {
      await closeGenerators();
      client?.close();
    },
  };
}

/** @throws `invalid-option` */
export function checkWhole(option: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least)
    throw invalidOption("loadTest", option, value, `a whole number of at least ${least}`);
}
