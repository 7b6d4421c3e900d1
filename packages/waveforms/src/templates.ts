import { checkSampleRate, invalidOption } from "@strainflow/series";
import { defaultBankMasses } from "./bank-masses.ts";
import { type Binary, chirpTime } from "./binary.ts";
import { createWaveform, toTime } from "./waveform.ts";

/** One template: a binary's waveform in both quadratures. */
export interface Template extends Binary {
  /** `templateSize` samples of the plus polarisation. */
  readonly hc: Float64Array;
  /** The same turned by 90°: its Hilbert transform, cosine to sine. */
  readonly hs: Float64Array;
}

export interface TemplateBank {
  readonly templates: readonly Template[];
  /** Hz. */
  readonly sampleRate: number;
  /** Samples of every template. */
  readonly templateSize: number;
  /** The sample at which the amplitude |hc + i hs| of every template is greatest. */
  readonly peakIndex: number;
}

export interface TemplateShape {
  /** Hz. Default 2048: twice the highest frequency at which merging black holes of 20 M☉ and more have anything to see. */
  readonly sampleRate?: number;
  /** Samples. Default one second. */
  readonly templateSize?: number;
  /** Samples of the stride that the detector gives one output for. Default `sampleRate`/16. */
  readonly strideSize?: number;
  /**
   * Sample of the amplitude's maximum. Default `templateSize` − 1 − `strideSize`: one stride before the last sample, so
   * that the output of a stride stands for peaks in the stride before it, and the ringdown has its room.
   */
  readonly peakIndex?: number;
  /**
   * Hz, from which on a template is complete where it fits. Default 30: from there on a second holds a merger of 38 M☉ and
   * more, and a bank of 32 covers them; what lies more than `peakIndex` samples before the peak is cut off with a taper.
   */
  readonly lowFrequency?: number;
}

export interface TemplateBankOptions extends TemplateShape {
  /** The binaries. Default: the first `count` of a placement made once ({@link defaultBankMasses}). */
  readonly masses?: readonly Binary[];
  /** How many of the placed binaries, in the order of placement: every beginning of the list is a bank. Default 32. */
  readonly count?: number;
  /** Total mass in M☉ below which placed binaries are left out. Default none. */
  readonly minMass?: number;
  /** Total mass in M☉ above which placed binaries are left out. Default none. */
  readonly maxMass?: number;
}

/**
 * A bank of binary-black-hole templates for a matched filter. It depends on no data.
 *
 * Each has unit norm, Σ hc² = 1. Without `masses` the binaries have total masses of 38 to 100 M☉ (detector frame), mass
 * ratios up to 3 and no spin: see {@link defaultBankMasses} for how well they cover it.
 *
 * @throws `invalid-option`
 */
export function createTemplateBank(options: TemplateBankOptions = {}): TemplateBank {
  const shape = templateShape("createTemplateBank", options);
  const binaries = options.masses ?? placedMasses(options);
  if (binaries.length === 0)
    throw invalidOption(
      "createTemplateBank",
      "masses",
      "empty",
      "at least one binary (after minMass and maxMass)",
    );
  const templates = binaries.map((binary) => createTemplate(binary, options));
  return { templates, ...shape };
}

function placedMasses(options: TemplateBankOptions): readonly Binary[] {
  const { count = 32, minMass = 0, maxMass = Number.POSITIVE_INFINITY } = options;
  const within = defaultBankMasses.filter(
    ({ mass1, mass2 }) => mass1 + mass2 >= minMass && mass1 + mass2 <= maxMass,
  );
  if (!Number.isInteger(count) || count < 1 || count > defaultBankMasses.length)
    throw invalidOption(
      "createTemplateBank",
      "count",
      count,
      `a whole number from 1 to ${defaultBankMasses.length}; for a larger bank give the masses that placeTemplates finds`,
    );
  return within.slice(0, count);
}

/** One binary's template; see {@link createTemplateBank}. */
export function createTemplate(binary: Binary, options: TemplateShape = {}): Template {
  const { sampleRate, templateSize, peakIndex } = templateShape("createTemplate", options);
  const lowFrequency = options.lowFrequency ?? 30;
  // Long enough that nothing of the window comes round from the other end.
  const length = Math.max(2 * (templateSize / sampleRate), 1.2 * chirpTime(binary, 0.8 * lowFrequency) + 1);
  const size = 2 ** Math.ceil(Math.log2(length * sampleRate));
  const spectrum = createWaveform({ ...binary, sampleRate, lowFrequency, size });
  const { plus, cross } = toTime(spectrum, sampleRate);
  const hc = new Float64Array(templateSize);
  const hs = new Float64Array(templateSize);
  // The peak is at time 0, so the sample n − peakIndex of the cyclic series goes to n.
  const rise = Math.min(Math.floor(templateSize / 8), peakIndex);
  const fall = Math.min(Math.floor(templateSize / 128), templateSize - 1 - peakIndex);
  let energy = 0;
  for (let n = 0; n < templateSize; n++) {
    const from = (n - peakIndex + size) % size;
    const taper = halfCosine((n + 1) / (rise + 1)) * halfCosine((templateSize - n) / (fall + 1));
    hc[n] = taper * plus[from]!;
    hs[n] = taper * cross[from]!;
    energy += hc[n]! ** 2;
  }
  const scale = 1 / Math.sqrt(energy);
  for (let n = 0; n < templateSize; n++) {
    hc[n]! *= scale;
    hs[n]! *= scale;
  }
  return { ...binary, hc, hs };
}

/** 0 to 1 as `x` goes from 0 to 1, and 1 beyond. */
function halfCosine(x: number): number {
  return x >= 1 ? 1 : 0.5 - 0.5 * Math.cos(Math.PI * x);
}

function templateShape(
  where: string,
  options: TemplateShape,
): { readonly sampleRate: number; readonly templateSize: number; readonly peakIndex: number } {
  const { sampleRate = 2048 } = options;
  checkSampleRate(where, sampleRate);
  const { templateSize = sampleRate, strideSize = Math.floor(sampleRate / 16) } = options;
  if (!Number.isInteger(templateSize) || templateSize < 2)
    throw invalidOption(where, "templateSize", templateSize, "a whole number of samples ≥ 2");
  if (!Number.isInteger(strideSize) || strideSize < 1 || strideSize > templateSize - 1)
    throw invalidOption(
      where,
      "strideSize",
      strideSize,
      `between 1 and templateSize − 1 = ${templateSize - 1} samples`,
    );
  const { peakIndex = templateSize - 1 - strideSize } = options;
  if (!Number.isInteger(peakIndex) || peakIndex < 0 || peakIndex >= templateSize)
    throw invalidOption(where, "peakIndex", peakIndex, `a sample of the template, 0 to ${templateSize - 1}`);
  return { sampleRate, templateSize, peakIndex };
}
