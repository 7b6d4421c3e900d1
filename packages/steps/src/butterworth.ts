import { checkSampleRate, invalidOption } from "@strainflow/series";

/** A second-order section: y = (b0 + b1·z⁻¹ + b2·z⁻²)/(1 + a1·z⁻¹ + a2·z⁻²) · x. */
export interface Section {
  readonly b0: number;
  readonly b1: number;
  readonly b2: number;
  readonly a1: number;
  readonly a2: number;
}

export interface ButterworthOptions {
  /** Hz. */
  readonly sampleRate: number;
  /** Poles of the prototype; a band-pass has twice as many. */
  readonly order: number;
  /** Hz where the amplitude has fallen to 1/√2. */
  readonly corner:
    | { readonly highpass: number }
    | { readonly lowpass: number }
    | { readonly bandpass: readonly [number, number] };
}

interface Complex {
  readonly re: number;
  readonly im: number;
}

const add = (a: Complex, b: Complex): Complex => ({ re: a.re + b.re, im: a.im + b.im });
const times = (a: Complex, b: Complex): Complex => ({
  re: a.re * b.re - a.im * b.im,
  im: a.re * b.im + a.im * b.re,
});
const scaled = (a: Complex, by: number): Complex => ({ re: a.re * by, im: a.im * by });
const over = (a: Complex, b: Complex): Complex =>
  scaled(times(a, { re: b.re, im: -b.im }), 1 / (b.re * b.re + b.im * b.im));
function root(a: Complex): Complex {
  const length = Math.hypot(a.re, a.im);
  const re = Math.sqrt(Math.max(0, (length + a.re) / 2));
  const im = Math.sqrt(Math.max(0, (length - a.re) / 2));
  return { re, im: a.im < 0 ? -im : im };
}

/**
 * Designs a Butterworth filter as second-order sections, by the bilinear transform with its frequencies pre-warped.
 *
 * The sections come in scipy's order and pairing (`butter(…, output="sos")`): poles nearest the unit circle last, each
 * with the zeros nearest to it, and the gain in the first.
 *
 * @throws `invalid-option` if the order is not a whole number from 1 to 24, or a corner not between 0 and Nyquist
 */
export function butterworth(options: ButterworthOptions): Section[] {
  const { sampleRate, order, corner } = options;
  checkSampleRate("butterworth", sampleRate);
  if (!Number.isInteger(order) || order < 1 || order > 24)
    throw invalidOption("butterworth", "order", order, "a whole number from 1 to 24");
  const warp = (frequency: number): number => {
    if (!(frequency > 0 && frequency < sampleRate / 2))
      throw invalidOption("butterworth", "corner", frequency, `between 0 and Nyquist, ${sampleRate / 2} Hz`);
    return 4 * Math.tan((Math.PI * frequency) / sampleRate);
  };
  const prototype = Array.from({ length: order }, (_, k): Complex => {
    const angle = (Math.PI * (2 * k + order + 1)) / (2 * order);
    return { re: Math.cos(angle), im: Math.sin(angle) };
  });
  if ("highpass" in corner) {
    const w = warp(corner.highpass);
    const poles = prototype.map((p) => over({ re: w, im: 0 }, p));
    return bilinear(poles, order, 0, 1);
  }
  if ("lowpass" in corner) {
    const w = warp(corner.lowpass);
    return bilinear(
      prototype.map((p) => scaled(p, w)),
      0,
      order,
      w ** order,
    );
  }
  const [low, high] = corner.bandpass.map(warp) as [number, number];
  if (!(low < high))
    throw invalidOption("butterworth", "corner", corner.bandpass.join(", "), "the lower corner first");
  const width = high - low;
  const poles = prototype.flatMap((p) => {
    const half = scaled(p, width / 2);
    const split = root(add(times(half, half), { re: -low * high, im: 0 }));
    return [add(half, split), add(half, scaled(split, -1))];
  });
  return bilinear(poles, order, order, width ** order);
}

/** Analogue poles, zeros at 0 and at infinity, and gain, to sections at a rate of 2 (whose double is 4). */
function bilinear(
  analogue: readonly Complex[],
  zerosAtZero: number,
  zerosAtInfinity: number,
  analogueGain: number,
): Section[] {
  const poles = analogue.map((p) => over({ re: 4 + p.re, im: p.im }, { re: 4 - p.re, im: -p.im }));
  const zeros = [...Array<number>(zerosAtZero).fill(1), ...Array<number>(zerosAtInfinity).fill(-1)];
  const denominator = analogue.reduce<Complex>((product, p) => times(product, { re: 4 - p.re, im: -p.im }), {
    re: 1,
    im: 0,
  });
  const gain = analogueGain * over({ re: 4 ** zerosAtZero, im: 0 }, denominator).re;
  return sections(poles, zeros, gain);
}

/** Pairs poles and (real) zeros. An odd filter gets a pole and a zero at 0, which do nothing. */
function sections(poles: readonly Complex[], zeros: readonly number[], gain: number): Section[] {
  const odd = poles.length % 2 === 1;
  // Of two conjugates one stands for both.
  const left = poles.map((p) => (Math.abs(p.im) < 1e-12 ? { re: p.re, im: 0 } : p)).filter((p) => p.im >= 0);
  if (odd) left.push({ re: 0, im: 0 });
  const free = odd ? [...zeros, 0] : [...zeros];
  const takeWorst = (among: (p: Complex) => boolean): Complex => {
    let worst = -1;
    left.forEach((p, i) => {
      if (among(p) && (worst < 0 || distance(p) < distance(left[worst]!))) worst = i;
    });
    return left.splice(worst, 1)[0]!;
  };
  const takeNearest = (p: Complex): number => {
    let nearest = 0;
    free.forEach((z, i) => {
      if (Math.hypot(z - p.re, p.im) < Math.hypot(free[nearest]! - p.re, p.im)) nearest = i;
    });
    return free.splice(nearest, 1)[0]!;
  };
  const found: Section[] = [];
  while (left.length > 0) {
    const p = takeWorst(() => true);
    const second = p.im === 0 ? takeWorst((other) => other.im === 0) : { re: p.re, im: -p.im };
    const z1 = takeNearest(p);
    const z2 = takeNearest(p);
    found.unshift({
      b0: 1,
      b1: -(z1 + z2),
      b2: z1 * z2,
      a1: -(p.re + second.re),
      a2: p.re * second.re - p.im * second.im,
    });
  }
  const first = found[0]!;
  found[0] = { ...first, b0: gain, b1: first.b1 * gain, b2: first.b2 * gain };
  return found;
}

/** From the unit circle. */
function distance(p: Complex): number {
  return Math.abs(1 - Math.hypot(p.re, p.im));
}

/** Samples until what was there before has fallen by `factor`, by the slowest pole. */
export function settlingSize(filter: readonly Section[], factor: number): number {
  const slowest = filter.reduce((largest, { a1, a2 }) => {
    const discriminant = (a1 * a1) / 4 - a2;
    const radius =
      discriminant < 0
        ? Math.sqrt(a2)
        : Math.max(...[1, -1].map((s) => Math.abs(-a1 / 2 + s * Math.sqrt(discriminant))));
    return Math.max(largest, radius);
  }, 0);
  return slowest === 0 ? filter.length * 2 : Math.ceil(Math.log(factor) / -Math.log(slowest));
}
