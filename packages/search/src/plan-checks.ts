import type { TensorSpec } from "@strainflow/series";
import type { PlanFacts, PlannedModel } from "./plan-stages.ts";
import type { SearchSettings } from "./settings.ts";

/** One thing that must hold, or had better. */
export interface PlanCheck {
  readonly name: string;
  /** `error`: the search would fail; `warning`: it would run, and do less than it could. */
  readonly verdict: "ok" | "warning" | "error";
  /** What was found, and where it does not hold, what to do. */
  readonly text: string;
}

/** Whether data, settings and model fit each other. */
export function planChecks(
  settings: SearchSettings,
  model: PlannedModel,
  facts: PlanFacts,
): readonly PlanCheck[] {
  const { streaming } = model;
  const checks: PlanCheck[] = [];
  const check = (
    name: string,
    holds: boolean,
    good: string,
    bad: string,
    verdict: "warning" | "error",
  ): void => {
    checks.push({ name, verdict: holds ? "ok" : verdict, text: holds ? good : bad });
  };

  const wanted = streaming.channels.join(", ");
  check(
    "detectors",
    streaming.channels.join() === settings.ifos.join(),
    wanted,
    `the model takes ${wanted}, the data are ${settings.ifos.join(", ")}: choose with --ifos, in the model's order`,
    "error",
  );
  check(
    "rate",
    streaming.sampleRate === settings.sampleRate,
    `${settings.sampleRate} Hz`,
    `the model takes ${streaming.sampleRate} Hz, the search is set to ${settings.sampleRate} Hz: set sampleRate to the model's`,
    "error",
  );
  const slow = settings.ifos.filter((ifo) => (facts.rates[ifo] ?? settings.sampleRate) < settings.sampleRate);
  check(
    "band",
    slow.length === 0,
    "the data reach the search's Nyquist frequency",
    `${slow.join(", ")}: slower than the search, so nothing is in the data above ${Math.min(...slow.map((ifo) => (facts.rates[ifo] ?? 0) / 2))} Hz`,
    "warning",
  );

  const { strideSize, batchSize } = streaming;
  const updateSize = strideSize * batchSize;
  const psdStrideSize = settings.psdStride * settings.sampleRate;
  check(
    "update",
    psdStrideSize % updateSize === 0,
    `${batchSize} strides of ${strideSize} samples, ${psdStrideSize / updateSize} updates to a PSD`,
    `an update of ${updateSize} samples (${seconds(updateSize / settings.sampleRate)}) does not divide the ${settings.psdStride} s between PSDs, ` +
      "so some updates hold data of two of them and are judged by the newer: change batchSize or psdStride",
    "warning",
  );

  const side = model.inputs.filter(({ name }) => name !== streaming.input.name);
  const bins = Math.floor(settings.sampleRate / 2) + 1;
  const fits = side.every(
    ({ name, shape }) =>
      name === "inverse_psd" && shape.length === 2 && [-1, bins].includes(shape.at(-1) ?? 0),
  );
  check(
    "inputs",
    fits,
    [streaming.input, ...side].map(show).join(", "),
    `the model takes ${side.map(show).join(", ")} beside the stream; the search brings inverse_psd [${settings.ifos.length}, ${bins}] and nothing else`,
    "error",
  );
  const triggers = model.outputs.find(({ name }) => name === "triggers");
  const shape = [batchSize, streaming.channels.length, facts.templates, 3];
  check(
    "outputs",
    triggers !== undefined && shape.every((size, i) => [size, -1].includes(triggers.shape[i] ?? 0)),
    model.outputs.map(show).join(", "),
    `the search needs triggers [${shape.join(", ")}]; the model gives ${model.outputs.map(show).join(", ") || "nothing"}`,
    "error",
  );
  return checks;
}

function show({ name, shape }: TensorSpec): string {
  return `${name} [${shape.map((size) => (size === -1 ? "any" : size)).join(", ")}]`;
}

function seconds(value: number): string {
  return `${Number(value.toPrecision(4))} s`;
}
