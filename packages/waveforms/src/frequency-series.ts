/** A one-sided spectrum: bin k is at k·`frequencyStep`, from 0 to Nyquist. */
export interface FrequencySeries {
  readonly re: Float64Array;
  readonly im: Float64Array;
  /** Hz between bins, 1/duration. */
  readonly frequencyStep: number;
}

/** |Σ_k X_k e^{2πi k·frequencyStep·t}|², at any time t in s: the squared envelope of the series (not scaled). */
export function envelopeSquared({ re, im, frequencyStep }: FrequencySeries, time: number): number {
  const angle = 2 * Math.PI * frequencyStep * time;
  const stepRe = Math.cos(angle);
  const stepIm = Math.sin(angle);
  let turnRe = 1;
  let turnIm = 0;
  let sumRe = 0;
  let sumIm = 0;
  for (let k = 0; k < re.length; k++) {
    // Rounding grows with every turn of the phasor, so it is set afresh now and then.
    if (k % 256 === 0) {
      turnRe = Math.cos(k * angle);
      turnIm = Math.sin(k * angle);
    }
    sumRe += re[k]! * turnRe - im[k]! * turnIm;
    sumIm += re[k]! * turnIm + im[k]! * turnRe;
    const next = turnRe * stepRe - turnIm * stepIm;
    turnIm = turnRe * stepIm + turnIm * stepRe;
    turnRe = next;
  }
  return sumRe * sumRe + sumIm * sumIm;
}

/**
 * The time (s) of the envelope's maximum near `guess`, which is right to within `step` (s): three parabolas, each on a
 * tenth of the step before. Good to about 1e-6 of `step`.
 */
export function refinePeak(series: FrequencySeries, guess: number, step: number): number {
  let time = guess;
  let width = step;
  for (let pass = 0; pass < 3; pass++) {
    const before = envelopeSquared(series, time - width);
    const here = envelopeSquared(series, time);
    const after = envelopeSquared(series, time + width);
    const curvature = before - 2 * here + after;
    if (curvature < 0) time += Math.max(-1, Math.min(1, (before - after) / (2 * curvature))) * width;
    width /= 10;
  }
  return time;
}

/** The series moved later by `time` seconds, turned by `phase` rad and scaled, as a new series. */
export function shifted(series: FrequencySeries, time: number, phase = 0, scale = 1): FrequencySeries {
  const { re, im, frequencyStep } = series;
  const outRe = new Float64Array(re.length);
  const outIm = new Float64Array(im.length);
  for (let k = 0; k < re.length; k++) {
    const a = re[k]!;
    const b = im[k]!;
    if (a === 0 && b === 0) continue;
    // Whole turns are taken off first: the product can be thousands of cycles.
    const cycles = k * frequencyStep * time;
    const angle = phase - 2 * Math.PI * (cycles - Math.round(cycles));
    const cos = scale * Math.cos(angle);
    const sin = scale * Math.sin(angle);
    outRe[k] = a * cos - b * sin;
    outIm[k] = a * sin + b * cos;
  }
  return { re: outRe, im: outIm, frequencyStep };
}
