import { invalidOption } from "@strainflow/series";

/** One-sided power spectral density of strain in 1/Hz at a frequency in Hz; defined, positive and finite for all ≥ 0. */
export type PsdModel = (frequency: number) => number;

/*
 * A fit is held at its value at its lowest frequency: below, noise walls are so steep that neither float32 nor a filter
 * of finite length could follow, and no template has anything there.
 */
function heldBelow(lowest: number, fit: (frequency: number) => number): PsdModel {
  return (frequency) => fit(Math.max(lowest, frequency));
}

/**
 * Advanced LIGO at design sensitivity (zero-detuned, high power), held below 10 Hz.
 *
 * Source: Ajith, arXiv:1107.1267, Eq. (4.7), a fit to the curve of LIGO-T0900288: within 11 % of it from 25 Hz on, 16 %
 * below it at 20 Hz.
 */
export const advancedLigoDesign: PsdModel = heldBelow(10, (frequency) => {
  const x = frequency / 245.4;
  return 1e-48 * (0.0152 * x ** -4 + 0.2935 * x ** 2.25 + 2.7951 * x ** 1.5 - 6.508 * x ** 0.75 + 17.7622);
});

/**
 * Initial LIGO, held below 30 Hz, where its wall begins.
 *
 * Source: Damour, Iyer and Sathyaprakash, arXiv:gr-qc/0010009, Table IV.
 */
export const initialLigo: PsdModel = heldBelow(30, (frequency) => {
  const x = frequency / 150;
  return 9e-46 * ((4.49 * x) ** -56 + 0.16 * x ** -4.52 + 0.52 + 0.32 * x * x);
});

/**
 * Advanced Virgo at design sensitivity, held below 10 Hz.
 *
 * Source: Manzotti and Dietz, arXiv:1202.4031, Eq. (6).
 */
export const advancedVirgoDesign: PsdModel = heldBelow(10, (frequency) => {
  const x = Math.log(frequency / 300);
  const x2 = x * x;
  const asd =
    1.259e-24 *
    (0.07 * Math.exp(-0.142 - 1.437 * x + 0.407 * x2) +
      3.1 * Math.exp(-0.466 - 1.043 * x - 0.548 * x2) +
      0.4 * Math.exp(-0.304 + 2.896 * x - 0.293 * x2) +
      0.09 * Math.exp(1.466 + 3.722 * x - 0.984 * x2));
  return asd * asd;
});

/**
 * KAGRA at design sensitivity, held below 10 Hz.
 *
 * Source: Manzotti and Dietz, arXiv:1202.4031, Eq. (7).
 */
export const kagraDesign: PsdModel = heldBelow(10, (frequency) => {
  const x = Math.log(frequency / 100);
  const x2 = x * x;
  const asd =
    6.499e-25 *
    (9.72e-9 * Math.exp(-1.43 - 9.88 * x - 0.23 * x2) +
      1.17 * Math.exp(0.14 - 3.1 * x - 0.26 * x2) +
      1.7 * Math.exp(0.14 + 1.09 * x - 0.013 * x2) +
      1.25 * Math.exp(0.071 + 2.83 * x - 4.91 * x2));
  return asd * asd;
});

/**
 * White noise.
 *
 * @param level one-sided PSD in 1/Hz. Default 1e-46, that of Advanced LIGO at 30 Hz
 */
export function flatPsd(level = 1e-46): PsdModel {
  if (!(level > 0) || !Number.isFinite(level))
    throw invalidOption("flatPsd", "level", level, "positive, in 1/Hz");
  return () => level;
}

/** The models by the name that a command line or a configuration gives. */
export const psdModels: Readonly<
  Record<"advanced-ligo" | "initial-ligo" | "advanced-virgo" | "kagra" | "flat", PsdModel>
> = {
  "advanced-ligo": advancedLigoDesign,
  "initial-ligo": initialLigo,
  "advanced-virgo": advancedVirgoDesign,
  kagra: kagraDesign,
  flat: flatPsd(),
};

/** Values of a model on a grid of `bins` frequencies, `frequencyStep` Hz apart, from 0. */
export function samplePsd(
  model: PsdModel,
  options: { readonly bins: number; readonly frequencyStep: number },
): Float64Array {
  return Float64Array.from({ length: options.bins }, (_, k) => model(k * options.frequencyStep));
}

/**
 * A measured spectrum as a model: linear between its bins, held beyond its ends.
 *
 * @param psd one-sided, 1/Hz, from 0 Hz
 * @param frequencyStep Hz between bins
 */
export function tabulatedPsd(psd: Float64Array, frequencyStep: number): PsdModel {
  if (psd.length === 0) throw invalidOption("tabulatedPsd", "psd", "empty", "at least one bin");
  if (!(frequencyStep > 0))
    throw invalidOption("tabulatedPsd", "frequencyStep", frequencyStep, "positive, in Hz");
  const last = psd.length - 1;
  return (frequency) => {
    const place = Math.min(last, Math.max(0, frequency / frequencyStep));
    const below = Math.floor(place);
    const above = Math.min(last, below + 1);
    return psd[below]! + (place - below) * (psd[above]! - psd[below]!);
  };
}

/** A spectrum brought linearly onto another grid of `bins` frequencies, `toStep` Hz apart. */
export function interpolatePsd(
  psd: Float64Array,
  options: { readonly fromStep: number; readonly toStep: number; readonly bins: number },
): Float64Array {
  return samplePsd(tabulatedPsd(psd, options.fromStep), {
    bins: options.bins,
    frequencyStep: options.toStep,
  });
}
