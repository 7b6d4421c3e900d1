import { invalidOption } from "@strainflow/series";
import { createOverWhiten } from "@strainflow/steps";

/** What a search is made of. Lengths in seconds, rates in Hz. */
export interface SearchSettings {
  /** Detectors, in the order of the model's channels. */
  readonly ifos: readonly string[];
  /** Rate of conditioning and inference. 2048 Hz holds all of a stellar-mass binary's signal. */
  readonly sampleRate: number;
  /** Seconds of past that each PSD is made of. */
  readonly psdLength: number;
  /** Seconds of one PSD segment. */
  readonly fftLength: number;
  /** Seconds that the inverse ASD is cut to. */
  readonly filterLength: number;
  /** Hz below which nothing passes. */
  readonly highpass: number;
  /** Seconds from one PSD to the next; a multiple of an update's length. */
  readonly psdStride: number;
  /** Least network SNR of a detection. */
  readonly threshold: number;
  /** Least SNR of each detector that takes part. */
  readonly singleThreshold: number;
  /** Seconds: a detection is the loudest within half of it on either side. */
  readonly clusterLength: number;
  /** Seconds added to the light-travel time between detectors. */
  readonly coincidencePad: number;
  /** Requests under way at once. */
  readonly maxInFlight: number;
}

/** Defaults, with their reasons where {@link SearchSettings} does not give them. */
export const defaultSettings: SearchSettings = {
  ifos: ["H1", "L1"],
  sampleRate: 2048,
  // A 32 s file must feed it and leave something to search; longer is better where there is more data.
  psdLength: 8,
  fftLength: 2,
  // As long as a PSD segment, so that lines are notched as sharply as they are seen: at 1 s those of H1 around GW150914
  // leak and raise the off-source deviation to 1.07; at 2 s it is 0.97.
  filterLength: 2,
  highpass: 25,
  psdStride: 1,
  // In Gaussian noise 32 templates and two detectors pass 8 less than once in years.
  threshold: 8,
  // PyCBC Live's: below it a detector's peak is as good as always there.
  singleThreshold: 4,
  clusterLength: 1,
  coincidencePad: 0.002,
  maxInFlight: 8,
};

/** Seconds of data from which on the longer PSD costs little livetime. */
const LONG_RUN = 128;

/** Seconds of a PSD from which on it changes so slowly that it is taken less often. */
const SLOW_PSD = 32;

/**
 * PSD settings that suit a stretch of data.
 *
 * A PSD of 8 s leaves something to search of a 32 s file, but its scatter costs 5 to 10 % of every SNR; one of 32 s costs
 * 1 to 2 %, and 16 s of warm-up. A longer PSD changes more slowly, so it is taken less often.
 *
 * @param spanSeconds length of the data; absent for a live stream, which is long
 * @param psdLength seconds, where it is given
 */
export function psdFor(
  spanSeconds: number | undefined,
  psdLength: number = spanSeconds !== undefined && spanSeconds < LONG_RUN ? 8 : SLOW_PSD,
): Pick<SearchSettings, "psdLength" | "psdStride"> {
  return { psdLength, psdStride: psdLength < SLOW_PSD ? 1 : 4 };
}

/** Fills in defaults and checks what does not need the data to be checked. @throws `invalid-option` */
export function completeSettings(given: Partial<SearchSettings>): SearchSettings {
  const settings = { ...defaultSettings, ...given };
  const positive = [
    "sampleRate",
    "psdLength",
    "fftLength",
    "filterLength",
    "psdStride",
    "clusterLength",
    "maxInFlight",
  ] as const;
  for (const name of positive)
    if (!(settings[name] > 0)) throw invalidOption("search", name, settings[name], "above 0");
  for (const name of ["threshold", "singleThreshold", "coincidencePad", "highpass"] as const)
    if (!(settings[name] >= 0)) throw invalidOption("search", name, settings[name], "0 or more");
  if (settings.ifos.length === 0) throw invalidOption("search", "ifos", "none", "at least one detector");
  // What conditioning cannot be made with is told before anything is started for it.
  const { sampleRate, psdLength, psdStride, fftLength, filterLength, highpass, ifos } = settings;
  createOverWhiten({ sampleRate, channels: ifos, psdLength, psdStride, fftLength, filterLength, highpass });
  return settings;
}
