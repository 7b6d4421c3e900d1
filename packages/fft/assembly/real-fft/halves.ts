/*
 * The two ends of `real-fft.ts`: even and odd samples to the parts of a complex series and back, and the spectrum of the
 * real series from that of the complex one and back. Two numbers at a time; `half`, in numbers, is a multiple of 8.
 */

/** Even samples to one part, odd ones to the other. `half` is even. */
export function split(input: usize, zRe: usize, zIm: usize, half: i32): void {
  const bytes: usize = usize(half) << 3;
  for (let k: usize = 0, n: usize = 0; k < bytes; k += 16, n += 32) {
    const a = v128.load(input + n);
    const b = v128.load(input + n + 16);
    v128.store(zRe + k, v128.shuffle<f64>(a, b, 0, 2));
    v128.store(zIm + k, v128.shuffle<f64>(a, b, 1, 3));
  }
}

/** The other way, scaled. */
export function join(zRe: usize, zIm: usize, output: usize, half: i32, scale: f64): void {
  const bytes: usize = usize(half) << 3;
  const by = f64x2.splat(scale);
  for (let k: usize = 0, n: usize = 0; k < bytes; k += 16, n += 32) {
    const a = f64x2.mul(v128.load(zRe + k), by);
    const b = f64x2.mul(v128.load(zIm + k), by);
    v128.store(output + n, v128.shuffle<f64>(a, b, 0, 2));
    v128.store(output + n + 16, v128.shuffle<f64>(a, b, 1, 3));
  }
}

/** Two numbers, the second first. */
function turnedRound(at: usize): v128 {
  const value = v128.load(at);
  return v128.shuffle<f64>(value, value, 1, 0);
}

function storeTurnedRound(at: usize, value: v128): void {
  v128.store(at, v128.shuffle<f64>(value, value, 1, 0));
}

/** The spectrum of a real series from that of its two halves as one complex series. `cos` and `sin` are halved. */
export function merge(zRe: usize, zIm: usize, cos: usize, sin: usize, re: usize, im: usize, half: i32): void {
  const first = load<f64>(zRe);
  const last = load<f64>(zIm);
  const end: usize = usize(half) << 3;
  store<f64>(re, first + last);
  store<f64>(im, 0);
  store<f64>(re + end, first - last);
  store<f64>(im + end, 0);
  const two = f64x2.splat(0.5);
  // Pairs (k, k + 1) and (m, m − 1). The last two share the middle, and what m writes there counts.
  for (let k: usize = 8, m: usize = end - 8; k < m; k += 16, m -= 16) {
    const kRe = v128.load(zRe + k);
    const kIm = v128.load(zIm + k);
    const mRe = turnedRound(zRe + m - 8);
    const mIm = turnedRound(zIm + m - 8);
    const c = v128.load(cos + k);
    const s = v128.load(sin + k);
    const eRe = f64x2.mul(f64x2.add(kRe, mRe), two);
    const eIm = f64x2.mul(f64x2.sub(kIm, mIm), two);
    const oRe = f64x2.add(kIm, mIm);
    const oIm = f64x2.sub(mRe, kRe);
    const tRe = f64x2.sub(f64x2.mul(oRe, c), f64x2.mul(oIm, s));
    const tIm = f64x2.add(f64x2.mul(oRe, s), f64x2.mul(oIm, c));
    v128.store(re + k, f64x2.add(eRe, tRe));
    v128.store(im + k, f64x2.add(eIm, tIm));
    storeTurnedRound(re + m - 8, f64x2.sub(eRe, tRe));
    storeTurnedRound(im + m - 8, f64x2.sub(tIm, eIm));
  }
}

/** Undoes {@link merge}. */
export function unmerge(
  re: usize,
  im: usize,
  cos: usize,
  sin: usize,
  zRe: usize,
  zIm: usize,
  half: i32,
): void {
  const end: usize = usize(half) << 3;
  const first = load<f64>(re);
  const last = load<f64>(re + end);
  store<f64>(zRe, (first + last) / 2);
  store<f64>(zIm, (first - last) / 2);
  const two = f64x2.splat(0.5);
  for (let k: usize = 8, m: usize = end - 8; k < m; k += 16, m -= 16) {
    const kRe = v128.load(re + k);
    const kIm = v128.load(im + k);
    const mRe = turnedRound(re + m - 8);
    const mIm = turnedRound(im + m - 8);
    const c = v128.load(cos + k);
    const s = v128.load(sin + k);
    const eRe = f64x2.mul(f64x2.add(kRe, mRe), two);
    const eIm = f64x2.mul(f64x2.sub(kIm, mIm), two);
    const tRe = f64x2.sub(kRe, mRe);
    const tIm = f64x2.add(kIm, mIm);
    const oRe = f64x2.add(f64x2.mul(tRe, c), f64x2.mul(tIm, s));
    const oIm = f64x2.sub(f64x2.mul(tIm, c), f64x2.mul(tRe, s));
    v128.store(zRe + k, f64x2.sub(eRe, oIm));
    v128.store(zIm + k, f64x2.add(eIm, oRe));
    storeTurnedRound(zRe + m - 8, f64x2.add(eRe, oIm));
    storeTurnedRound(zIm + m - 8, f64x2.sub(oRe, eIm));
  }
}
