import {
  align,
  clusterTriggers,
  inferSequence,
  overWhiten,
  type Recovery,
  rankTriggers,
} from "@strainflow/operators";
import type { Block, InferenceBlock, StreamingModel } from "@strainflow/series";
import type { Detection, RankedTriggersBlock } from "@strainflow/steps";
import { lightTravelTime } from "@strainflow/waveforms";
import { map, type Observable, tap } from "rxjs";
import { conditioningOf } from "./conditioning.ts";
import type { SearchSettings } from "./settings.ts";

/** The masses a template was made for, in solar masses, detector frame. */
export interface TemplateMasses {
  readonly mass1: number;
  readonly mass2: number;
}

/** A detection, and the binary of its template. */
export interface SearchDetection extends Detection {
  readonly masses: TemplateMasses;
}

/** What may be watched on the way; nothing of it is needed for the result. */
export interface SearchTaps {
  /** Aligned strain of all detectors at the search's rate. */
  readonly strain?: (block: Block<"strain">) => void;
  /** What the model gave. */
  readonly inference?: (block: InferenceBlock) => void;
  /** Network statistic of every output, and gaps with their reasons: the search's livetime. */
  readonly ranked?: (block: RankedTriggersBlock) => void;
  /** The stream to the model is lost; tries go on for a minute. */
  readonly loss?: (error: Error) => void;
  /** A lost stream was made good. */
  readonly recovery?: (recovery: Recovery) => void;
}

/** Seconds that light takes between every two of the detectors, as `rankTriggers` takes them. */
export function travelTimes(ifos: readonly string[]): Record<string, number> {
  const times: Record<string, number> = {};
  ifos.forEach((a, i) => {
    for (const b of ifos.slice(i + 1)) times[`${a}-${b}`] = lightTravelTime(a, b);
  });
  return times;
}

/**
 * The search: from strain of single detectors, interleaved, to detections.
 *
 * ```
 * strain ─ resample ─ align ─ over-whiten ─ infer (sequence) ─ rank ─ cluster ─ detections
 * ```
 *
 * @param model a matched-filter ensemble: outputs `triggers` `[strides, detectors, templates, 3]`
 * @param templates masses of the model's templates, in its order
 */
export function search(
  strain: Observable<Block<"strain">>,
  model: StreamingModel,
  templates: readonly TemplateMasses[],
  settings: SearchSettings,
  taps: SearchTaps = {},
): Observable<SearchDetection> {
  const { ifos, sampleRate } = settings;
  const conditioned = strain.pipe(
    align({ ifos, sampleRate }),
    tap((block) => taps.strain?.(block)),
    overWhiten(conditioningOf(settings, model.streaming)),
  );
  const ranked = conditioned.pipe(
    inferSequence(model, {
      maxInFlight: settings.maxInFlight,
      ...(taps.loss === undefined ? {} : { onLoss: taps.loss }),
      ...(taps.recovery === undefined ? {} : { onRecovery: taps.recovery }),
    }),
    tap((block) => taps.inference?.(block)),
    rankTriggers(model, {
      templates: templates.length,
      lightTravelTime: travelTimes(ifos),
      coincidencePad: settings.coincidencePad,
      detectionThreshold: settings.singleThreshold,
    }),
    tap((block) => taps.ranked?.(block)),
  );
  return ranked.pipe(
    clusterTriggers({ threshold: settings.threshold, clusterLength: settings.clusterLength }),
    map((detection) => {
      const { mass1, mass2 } = templates[detection.template]!;
      return { ...detection, masses: { mass1, mass2 } };
    }),
  );
}
