import { composeReach } from "@strainflow/series";
import { type PlanCheck, planChecks } from "./plan-checks.ts";
import { type PlanFacts, type PlannedModel, type PlanStage, planStages, tensorBytes } from "./plan-stages.ts";
import type { SearchSettings } from "./settings.ts";

/** A part of a sum, in seconds or bytes. */
export interface PlanPart {
  readonly name: string;
  readonly value: number;
}

/** What a search will do, known before it does it. */
export interface SearchPlan {
  readonly settings: SearchSettings;
  readonly facts: PlanFacts;
  readonly stages: readonly PlanStage[];
  /**
   * Seconds from a signal's peak until its detection is certain, at most, if computing and networks took no time: what
   * each stage must wait for, because it looks ahead, or works in blocks.
   */
  readonly latency: { readonly seconds: number; readonly parts: readonly PlanPart[] };
  /** Seconds of past that an output's SNR depends on: what a restart must see again. */
  readonly memorySeconds: number;
  /** Bytes of data held at once, about; what the run records comes on top, some hundred bytes per second of data. */
  readonly held: { readonly bytes: number; readonly parts: readonly PlanPart[] };
  readonly requests: {
    /** Per second of data. */
    readonly perSecond: number;
    /** In the whole run, where its length is known. */
    readonly total?: number;
    /** Bytes of one request's tensors, and of its response's. */
    readonly requestBytes: number;
    readonly responseBytes: number;
  };
  readonly checks: readonly PlanCheck[];
}

/** Seconds that sources may run ahead of what the model has finished; the default of `fromReader`. */
const READ_AHEAD = 64;

/**
 * Plans a search: shapes, rates, waits and sizes of every stage, and whether data, settings and model fit each other.
 *
 * All of it comes from the steps that the search is made of, built with the same options; nothing is read or sent.
 *
 * @throws `invalid-option` where lengths and rates do not fit into each other
 */
export function planSearch(settings: SearchSettings, model: PlannedModel, facts: PlanFacts): SearchPlan {
  const stages = planStages(settings, model, facts);
  const { sampleRate, strideSize, batchSize, latency: modelLatency } = model.streaming;
  const whole = composeReach(stages.map((stage) => stage.reach));
  const first = stages[0]!.reach.sampleRate;
  // Clusters are walked peak by peak, with no end to it in principle; what is certain is the SNR before them.
  const scored = composeReach(stages.filter(({ name }) => name !== "cluster").map(({ reach }) => reach));
  const perSecond = sampleRate / (strideSize * batchSize);
  const seconds =
    facts.startNs === undefined || facts.endNs === undefined
      ? undefined
      : Number(facts.endNs - facts.startNs) / 1e9;
  const bytesOf = (tensors: PlannedModel["inputs"]): number =>
    tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), 0);
  const ahead = settings.ifos.length * sampleRate * 4 * Math.min(READ_AHEAD, seconds ?? READ_AHEAD);
  const heldParts = [
    ...stages.map(({ name, heldBytes }) => ({ name: String(name), value: heldBytes })),
    { name: "read ahead", value: ahead },
  ].filter(({ value }) => value > 0);
  return {
    settings,
    facts,
    stages,
    latency: {
      seconds: whole.latency / first,
      parts: stages
        .flatMap(({ name, latencySeconds }): PlanPart[] =>
          name === "infer"
            ? [
                { name: "until an update is full", value: latencySeconds - modelLatency / sampleRate },
                { name: "the model's own", value: modelLatency / sampleRate },
              ]
            : [{ name, value: latencySeconds }],
        )
        .filter(({ value }) => value > 0),
    },
    memorySeconds: scored.memory === "unbounded" ? Number.POSITIVE_INFINITY : scored.memory / first,
    held: { bytes: heldParts.reduce((sum, { value }) => sum + value, 0), parts: heldParts },
    requests: {
      perSecond,
      ...(seconds === undefined ? {} : { total: Math.ceil(seconds * perSecond) }),
      requestBytes: bytesOf(model.inputs),
      responseBytes: bytesOf(model.outputs),
    },
    checks: planChecks(settings, model, facts),
  };
}
