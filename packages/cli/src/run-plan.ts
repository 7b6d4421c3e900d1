import { join } from "node:path";
import { type Livetime, planSearch, rehearseSearch, type SearchPlan } from "@strainflow/search";
import { attachDetector } from "./detector.ts";
import { openInput } from "./input.ts";
import { type ModelSpeed, probeModel } from "./probe-model.ts";
import { requestLength, searchSettings } from "./run-search.ts";
import type { FileSettings } from "./settings-file.ts";
import type { Terminal } from "./terminal.ts";

/** A plan, and what is known of the run around it. */
export interface RunPlan {
  readonly plan: SearchPlan;
  /** For people: what goes in. */
  readonly input: string;
  readonly model: string;
  /** An ensemble's models, in order. */
  readonly modelSteps: readonly string[];
  readonly server: string;
  /** What would be searched if the data have no gaps; absent where their length is not known. */
  readonly livetime?: Livetime;
  /** Absent where it was not asked for, or the model does not fit. */
  readonly speed?: ModelSpeed;
  readonly writes: readonly { readonly path: string; readonly bytes?: number }[];
}

export interface RunPlanOptions {
  /** Strain files; none for a plan of settings alone. */
  readonly files: readonly string[];
  readonly settings: FileSettings;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  /** Whether to send a short sequence of zeros to see how fast the model is. */
  readonly probe: boolean;
}

/** What is taken for data that are not there yet. */
const ASSUMED_RATE = 4096;

/**
 * Plans a run with the model that it would use: the server's, or the built-in detector, built and served for a moment.
 *
 * @throws as `replay` would, before any data are read
 */
export async function planRun(options: RunPlanOptions): Promise<RunPlan> {
  const { settings, terminal, signal } = options;
  const input = await describeInput(options);
  const chosen = searchSettings(settings, { ifos: input.ifos, ...input.facts });
  const detector = await attachDetector({
    settings,
    ifos: input.ifos,
    requestLength: requestLength(chosen, input.facts),
    terminal,
    signal,
  });
  try {
    const { model, templates } = detector;
    const facts = { ...input.facts, templates: templates.length };
    const plan = planSearch(chosen, model, facts);
    const fits = plan.checks.every(({ verdict }) => verdict !== "error");
    const livetime = fits ? await rehearseSearch(chosen, model, facts) : undefined;
    const speed =
      fits && options.probe ? await probeModel(model, { maxInFlight: chosen.maxInFlight }) : undefined;
    const { schedulingChoice } = model.config;
    return {
      plan,
      input: input.description,
      model: model.name,
      modelSteps:
        schedulingChoice.case === "ensembleScheduling"
          ? schedulingChoice.value.step.map(({ modelName }) => modelName)
          : [model.name],
      server: settings.server ?? "embedded, started for the run",
      ...(livetime === undefined ? {} : { livetime }),
      ...(speed === undefined ? {} : { speed }),
      writes: outputsOf(settings, plan),
    };
  } finally {
    await detector.close();
  }
}

interface PlannedInput {
  readonly ifos: readonly string[];
  readonly description: string;
  readonly facts: {
    readonly rates: Readonly<Record<string, number>>;
    readonly startNs?: bigint;
    readonly endNs?: bigint;
  };
}

async function describeInput({ files, settings, signal }: RunPlanOptions): Promise<PlannedInput> {
  if (files.length === 0) {
    const ifos = settings.ifos ?? ["H1", "L1"];
    return {
      ifos,
      description: `${ifos.join(" ")}, taken to come at ${ASSUMED_RATE} Hz (no files named)`,
      facts: { rates: Object.fromEntries(ifos.map((ifo) => [ifo, ASSUMED_RATE])) },
    };
  }
  const input = await openInput(files, settings, signal);
  try {
    const { ifos, description, rates = {}, startNs, endNs } = input;
    return {
      ifos,
      description,
      facts: {
        rates,
        ...(startNs === undefined ? {} : { startNs }),
        ...(endNs === undefined ? {} : { endNs }),
      },
    };
  } finally {
    await input.close();
  }
}

/** What `replay` writes; sizes before compression, where they are known. */
function outputsOf(
  settings: FileSettings,
  { facts, stages, settings: { ifos } }: SearchPlan,
): RunPlan["writes"] {
  const out = settings.out ?? "strainflow-out";
  const { series = "hdf5" } = settings;
  const { startNs, endNs } = facts;
  const seconds = startNs === undefined || endNs === undefined ? undefined : Number(endNs - startNs) / 1e9;
  const outputRate = stages.find(({ name }) => name === "infer")?.outputRate ?? 0;
  const bytes = seconds === undefined ? {} : { bytes: seconds * outputRate * (ifos.length + 1) * 4 };
  return [
    { path: join(out, "triggers.parquet") },
    { path: join(out, "triggers.json") },
    { path: join(out, "report.html") },
    ...(series === "none" ? [] : [{ path: join(out, `snr.${series}`), ...bytes }]),
  ];
}
