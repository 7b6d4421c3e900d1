import { align, cluster, inferSequence, integrate, type Recovery, reassemble } from "@strainflow/operators";
import {
  type Block,
  convertIndex,
  indexToNs,
  invalidOption,
  type StreamingModel,
  secondsToNs,
} from "@strainflow/series";
import { integrationSize, type ScoreEvent } from "@strainflow/steps";
import { map, type Observable, tap } from "rxjs";

/** What aframe's inference takes beside the model; its names, lengths in seconds, and its defaults. */
export interface AframeSettings {
  /** Length of the PSD that the ensemble measures: the outputs of so long a beginning are dropped. Default 64. */
  readonly psdLength?: number;
  /** Length of the whitening filter, half of which comes off every stamp. Default 1. */
  readonly fduration?: number;
  /** Boxcar over the network's outputs. Default 1. */
  readonly integrationLength?: number;
  /** An event is the loudest within half of it after it. Default 8. */
  readonly clusterLength?: number;
  /** Least integrated output of an event. Default: none, as offline. */
  readonly threshold?: number;
  /** Requests under way at once. Default 8. */
  readonly maxInFlight?: number;
}

/** A peak of the integrated network output. */
export interface AframeEvent {
  readonly kind: "event";
  /**
   * GPS nanoseconds, aframe's `detection_time`: the beginning of the peak's stride, less half the whitening filter, less
   * the integration. On the clock of detectors that are not shifted.
   */
  readonly gpsNs: bigint;
  /** Integrated network output at the peak. */
  readonly statistic: number;
  /** The input in reach of it, `[startNs, endNs)`: PSD, kernels and integration. */
  readonly inputSpan: { readonly startNs: bigint; readonly endNs: bigint };
}

/** What may be watched on the way; nothing of it is needed for the result. */
export interface AframeTaps {
  /** The network's outputs, one series. */
  readonly raw?: (block: Block<"score">) => void;
  /** Its boxcar mean, which is searched: aframe's livetime is what of it has values. */
  readonly integrated?: (block: Block<"score">) => void;
  /** A lost stream was made good. */
  readonly recovery?: (recovery: Recovery) => void;
}

/**
 * aframe's search, of one segment of strain: updates from the segment's first sample on, whitening and network on the
 * server, and aframe's rules for everything behind it, so that the events are those of aframe.
 *
 * ```
 * strain ─ align ─ infer (sequence) ─ reassemble ─ integrate ─ cluster ─ events
 * ```
 *
 * In: raw strain at the model's rate, one detector per block or all together. A segment is subscribed to by itself, as
 * aframe does; a gap inside of one is searched past only where the model's memory no longer reaches it, which is later
 * than aframe would begin after it.
 *
 * Source: aframe `Postprocessor`. The last outputs differ from it in one thing: an output whose stride is not whole has
 * seen zeros in place of data; aframe keeps one such, here it is an `edge`.
 *
 * @param model an ensemble as `buildAframeEnsemble` or aframe itself exports: its first output is searched
 * @throws `invalid-option`; on the stream the errors of `align`, `inferSequence` and `reassemble`
 *
 * @example
 * ```ts
 * const model = await client.model("aframe-stream");
 * aframeSearch(fromReader(segment.readers.values()), model, { psdLength: 64 }).subscribe(console.log);
 * ```
 */
export function aframeSearch(
  strain: Observable<Block<"strain">>,
  model: StreamingModel,
  settings: AframeSettings = {},
  taps: AframeTaps = {},
): Observable<AframeEvent> {
  const { psdLength = 64, fduration = 1, integrationLength = 1, clusterLength = 8 } = settings;
  if (!(fduration >= 0) || !Number.isFinite(fduration))
    throw invalidOption("aframeSearch", "fduration", fduration, "a number of seconds ≥ 0");
  const [output] = model.outputs;
  const stamped = eventsOf(model, fduration, integrationLength);
  return strain.pipe(
    align({ ifos: model.streaming.channels }),
    inferSequence(model, {
      anchor: "start",
      burnIn: psdLength,
      ...(settings.maxInFlight === undefined ? {} : { maxInFlight: settings.maxInFlight }),
      ...(output === undefined ? {} : { outputs: [output.name] }),
      ...(taps.recovery === undefined ? {} : { onRecovery: taps.recovery }),
    }),
    reassemble(output === undefined ? {} : { output: output.name }),
    tap((block) => taps.raw?.(block)),
    integrate({ integrationLength, compatibility: "aframe" }),
    tap((block) => taps.integrated?.(block)),
    cluster({
      clusterLength,
      ...(settings.threshold === undefined ? {} : { threshold: settings.threshold }),
    }),
    map(stamped),
  );
}

/** Puts aframe's stamp and the input in reach on a peak. */
function eventsOf(
  model: StreamingModel,
  fduration: number,
  integrationLength: number,
): (event: ScoreEvent) => AframeEvent {
  const { sampleRate, strideSize, latency, memory } = model.streaming;
  const early = secondsToNs(fduration / 2 + integrationLength);
  return ({ index, sampleRate: outputRate, statistic }) => {
    const stride = convertIndex(index, outputRate, sampleRate) + latency;
    const oldest = stride - (integrationSize(outputRate, integrationLength) - 1) * strideSize;
    return {
      kind: "event",
      gpsNs: indexToNs(stride, sampleRate) - early,
      statistic,
      inputSpan: {
        startNs: indexToNs(oldest - memory, sampleRate),
        endNs: indexToNs(stride + strideSize, sampleRate),
      },
    };
  };
}
