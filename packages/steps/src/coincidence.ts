import {
  checkSampleRate,
  invalidOption,
  type Step,
  type StepState,
  StrainflowError,
} from "@strainflow/series";
import type { ScoreEvent } from "./score-event.ts";
import { takeState } from "./step-state.ts";

/** How far apart in time one signal can be in two detectors. */
export interface CoincidenceWindow {
  /**
   * Seconds that light takes between detectors, by pair in any order: `{ "H1-L1": 0.010013 }`.
   * A pair that is used and not listed is an error.
   */
  readonly lightTravelTime: Readonly<Record<string, number>>;
  /** Seconds added for the error of a trigger's time. Default 0.002, as PyCBC Live. */
  readonly coincidencePad?: number;
}

/**
 * Largest distance, in whole samples at `sampleRate`, at which triggers of two detectors are coincident.
 *
 * @throws `invalid-option` if the pair is not listed
 */
export function coincidenceSize(
  where: string,
  one: string,
  other: string,
  sampleRate: number,
  window: CoincidenceWindow,
): number {
  const { lightTravelTime, coincidencePad = 0.002 } = window;
  const light = lightTravelTime[`${one}-${other}`] ?? lightTravelTime[`${other}-${one}`];
  if (light === undefined || !(light >= 0) || !Number.isFinite(light))
    throw invalidOption(
      where,
      `lightTravelTime["${one}-${other}"]`,
      light,
      "seconds ≥ 0, one entry for every pair of detectors",
    );
  if (!(coincidencePad >= 0) || !Number.isFinite(coincidencePad))
    throw invalidOption(where, "coincidencePad", coincidencePad, "seconds ≥ 0");
  // The last term keeps a product such as 0.012 × 1000 from falling short of the whole number that it is.
  return Math.floor((light + coincidencePad) * sampleRate + 1e-9);
}

/** A trigger of one detector: an event of its own SNR series; `channel` is the detector. */
export interface SingleTrigger extends ScoreEvent {
  /** Which template it was found with; triggers of different templates are never coincident. */
  readonly template?: number;
}

/** Two triggers that one signal can have caused. */
export interface Coincidence {
  readonly kind: "coincidence";
  /** The two triggers, in the order of `ifos`. */
  readonly triggers: readonly [SingleTrigger, SingleTrigger];
  /** `√(a² + b²)` of their statistics. */
  readonly statistic: number;
  /** Samples by which the second came after the first. */
  readonly delaySize: number;
}

export interface CoincidenceOptions extends CoincidenceWindow {
  /** Detectors, two or more. */
  readonly ifos: readonly string[];
  /** Hz of the triggers' indexes. */
  readonly sampleRate: number;
}

interface State {
  readonly step: "coincidence";
  readonly recent: readonly SingleTrigger[];
}

/**
 * Pairs the triggers of any number of detectors that lie within light-travel time and pad of each other.
 *
 * Triggers come in order of time (as `createCluster` gives them for a series with one channel per detector); every pair is
 * emitted once, when its later trigger comes. With three detectors a signal gives up to three pairs.
 *
 * @throws `invalid-option`; on push `unknown-detector`, `out-of-order`
 */
export function createCoincidence(options: CoincidenceOptions): Step<SingleTrigger, Coincidence> {
  const where = "createCoincidence";
  const { ifos } = options;
  const sampleRate = checkSampleRate(where, options.sampleRate);
  if (ifos.length < 2 || new Set(ifos).size !== ifos.length)
    throw invalidOption(where, "ifos", ifos.join(", "), "two or more different detectors");
  const sizes = ifos.map((a) =>
    ifos.map((b) => (a === b ? -1 : coincidenceSize(where, a, b, sampleRate, options))),
  );
  const widest = Math.max(...sizes.flat());
  let recent: SingleTrigger[] = [];

  function placeOf(trigger: SingleTrigger): number {
    const place = ifos.indexOf(trigger.channel);
    if (place < 0 || trigger.sampleRate !== sampleRate)
      throw new StrainflowError(
        "unknown-detector",
        `${where}: a trigger of ${trigger.channel} at ${trigger.sampleRate} Hz came; it was made for ${ifos.join(", ")} at ${sampleRate} Hz`,
        { details: { channel: trigger.channel, sampleRate: trigger.sampleRate } },
      );
    return place;
  }

  return {
    memory: widest,
    latency: 0,
    stride: 1,

    push(trigger: SingleTrigger): readonly Coincidence[] {
      const place = placeOf(trigger);
      const newest = recent.at(-1);
      if (newest !== undefined && trigger.index < newest.index)
        throw new StrainflowError(
          "out-of-order",
          `${where}: a trigger at sample ${trigger.index} came after one at ${newest.index}; triggers come in order of time`,
          { details: { index: trigger.index, newest: newest.index } },
        );
      recent = recent.filter((old) => old.index >= trigger.index - widest);
      const pairs: Coincidence[] = [];
      for (const old of recent) {
        const oldPlace = ifos.indexOf(old.channel);
        if (trigger.index - old.index > sizes[place]![oldPlace]! || old.template !== trigger.template)
          continue;
        const triggers: readonly [SingleTrigger, SingleTrigger] =
          oldPlace < place ? [old, trigger] : [trigger, old];
        pairs.push({
          kind: "coincidence",
          triggers,
          statistic: Math.hypot(old.statistic, trigger.statistic),
          delaySize: triggers[1].index - triggers[0].index,
        });
      }
      recent.push(trigger);
      return pairs;
    },

    flush(): readonly Coincidence[] {
      recent = [];
      return [];
    },

    save(): StepState {
      const state: State = { step: "coincidence", recent: [...recent] };
      return state;
    },

    restore(saved: StepState): void {
      recent = [...takeState<State>("coincidence", saved).recent];
    },
  };
}
