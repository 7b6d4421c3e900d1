/*
 * One pass of a self-sorting (Stockham, decimation in frequency) transform, for each radix that has a fast path.
 *
 * A pass takes `stride` interleaved transforms of length radix·`groups`, reads element q + stride·(p + groups·j) and
 * writes q + stride·(radix·p + j), turned by w^(p·j). No bit reversal is needed, and the inner loop runs over
 * neighbouring elements in both arrays. C. Temperton, J. Comput. Phys. 52 (1983) 1.
 *
 * The twiddles of a pass lie as (re, im) for j = 1 … radix − 1, group after group.
 */

/** `(xRe, xIm)` to `(yRe, yIm)`; the two never overlap. */
export type Pass = (
  xRe: Float64Array,
  xIm: Float64Array,
  yRe: Float64Array,
  yIm: Float64Array,
  twiddles: Float64Array,
  groups: number,
  stride: number,
) => void;

export const radix2: Pass = (xRe, xIm, yRe, yIm, twiddles, groups, stride) => {
  const hop = groups * stride;
  for (let p = 0, t = 0; p < groups; p++, t += 2) {
    const wr = twiddles[t]!;
    const wi = twiddles[t + 1]!;
    let a = p * stride;
    let y = 2 * p * stride;
    for (const end = a + stride; a < end; a++, y++) {
      const ar = xRe[a]!;
      const ai = xIm[a]!;
      const br = xRe[a + hop]!;
      const bi = xIm[a + hop]!;
      const dr = ar - br;
      const di = ai - bi;
      yRe[y] = ar + br;
      yIm[y] = ai + bi;
      yRe[y + stride] = dr * wr - di * wi;
      yIm[y + stride] = dr * wi + di * wr;
    }
  }
};

const SIN_60 = Math.sqrt(3) / 2;

export const radix3: Pass = (xRe, xIm, yRe, yIm, twiddles, groups, stride) => {
  const hop = groups * stride;
  for (let p = 0, t = 0; p < groups; p++, t += 4) {
    const w1r = twiddles[t]!;
    const w1i = twiddles[t + 1]!;
    const w2r = twiddles[t + 2]!;
    const w2i = twiddles[t + 3]!;
    let a = p * stride;
    let y = 3 * p * stride;
    for (const end = a + stride; a < end; a++, y++) {
      const ar = xRe[a]!;
      const ai = xIm[a]!;
      const b = a + hop;
      const c = b + hop;
      const sr = xRe[b]! + xRe[c]!;
      const si = xIm[b]! + xIm[c]!;
      const dr = SIN_60 * (xRe[b]! - xRe[c]!);
      const di = SIN_60 * (xIm[b]! - xIm[c]!);
      const mr = ar - 0.5 * sr;
      const mi = ai - 0.5 * si;
      yRe[y] = ar + sr;
      yIm[y] = ai + si;
      const pr = mr + di;
      const pi = mi - dr;
      yRe[y + stride] = pr * w1r - pi * w1i;
      yIm[y + stride] = pr * w1i + pi * w1r;
      const qr = mr - di;
      const qi = mi + dr;
      yRe[y + 2 * stride] = qr * w2r - qi * w2i;
      yIm[y + 2 * stride] = qr * w2i + qi * w2r;
    }
  }
};

export const radix4: Pass = (xRe, xIm, yRe, yIm, twiddles, groups, stride) => {
  const hop = groups * stride;
  for (let p = 0, t = 0; p < groups; p++, t += 6) {
    const w1r = twiddles[t]!;
    const w1i = twiddles[t + 1]!;
    const w2r = twiddles[t + 2]!;
    const w2i = twiddles[t + 3]!;
    const w3r = twiddles[t + 4]!;
    const w3i = twiddles[t + 5]!;
    let a = p * stride;
    let y = 4 * p * stride;
    for (const end = a + stride; a < end; a++, y++) {
      const b = a + hop;
      const c = b + hop;
      const d = c + hop;
      const acR = xRe[a]! + xRe[c]!;
      const acI = xIm[a]! + xIm[c]!;
      const amcR = xRe[a]! - xRe[c]!;
      const amcI = xIm[a]! - xIm[c]!;
      const bdR = xRe[b]! + xRe[d]!;
      const bdI = xIm[b]! + xIm[d]!;
      const bmdR = xRe[b]! - xRe[d]!;
      const bmdI = xIm[b]! - xIm[d]!;
      yRe[y] = acR + bdR;
      yIm[y] = acI + bdI;
      const e1r = amcR + bmdI;
      const e1i = amcI - bmdR;
      yRe[y + stride] = e1r * w1r - e1i * w1i;
      yIm[y + stride] = e1r * w1i + e1i * w1r;
      const e2r = acR - bdR;
      const e2i = acI - bdI;
      yRe[y + 2 * stride] = e2r * w2r - e2i * w2i;
      yIm[y + 2 * stride] = e2r * w2i + e2i * w2r;
      const e3r = amcR - bmdI;
      const e3i = amcI + bmdR;
      yRe[y + 3 * stride] = e3r * w3r - e3i * w3i;
      yIm[y + 3 * stride] = e3r * w3i + e3i * w3r;
    }
  }
};

const COS_72 = (Math.sqrt(5) - 1) / 4;
const COS_144 = -(Math.sqrt(5) + 1) / 4;
const SIN_72 = Math.sqrt(10 + 2 * Math.sqrt(5)) / 4;
const SIN_144 = Math.sqrt(10 - 2 * Math.sqrt(5)) / 4;

export const radix5: Pass = (xRe, xIm, yRe, yIm, twiddles, groups, stride) => {
  const hop = groups * stride;
  for (let p = 0, t = 0; p < groups; p++, t += 8) {
    for (let q = 0; q < stride; q++) {
      const a = p * stride + q;
      const ar = xRe[a]!;
      const ai = xIm[a]!;
      const s1r = xRe[a + hop]! + xRe[a + 4 * hop]!;
      const s1i = xIm[a + hop]! + xIm[a + 4 * hop]!;
      const d1r = xRe[a + hop]! - xRe[a + 4 * hop]!;
      const d1i = xIm[a + hop]! - xIm[a + 4 * hop]!;
      const s2r = xRe[a + 2 * hop]! + xRe[a + 3 * hop]!;
      const s2i = xIm[a + 2 * hop]! + xIm[a + 3 * hop]!;
      const d2r = xRe[a + 2 * hop]! - xRe[a + 3 * hop]!;
      const d2i = xIm[a + 2 * hop]! - xIm[a + 3 * hop]!;
      const m1r = ar + COS_72 * s1r + COS_144 * s2r;
      const m1i = ai + COS_72 * s1i + COS_144 * s2i;
      const m2r = ar + COS_144 * s1r + COS_72 * s2r;
      const m2i = ai + COS_144 * s1i + COS_72 * s2i;
      const n1r = SIN_72 * d1r + SIN_144 * d2r;
      const n1i = SIN_72 * d1i + SIN_144 * d2i;
      const n2r = SIN_144 * d1r - SIN_72 * d2r;
      const n2i = SIN_144 * d1i - SIN_72 * d2i;
      const y = 5 * p * stride + q;
      yRe[y] = ar + s1r + s2r;
      yIm[y] = ai + s1i + s2i;
      turn(yRe, yIm, y + stride, m1r + n1i, m1i - n1r, twiddles[t]!, twiddles[t + 1]!);
      turn(yRe, yIm, y + 2 * stride, m2r + n2i, m2i - n2r, twiddles[t + 2]!, twiddles[t + 3]!);
      turn(yRe, yIm, y + 3 * stride, m2r - n2i, m2i + n2r, twiddles[t + 4]!, twiddles[t + 5]!);
      turn(yRe, yIm, y + 4 * stride, m1r - n1i, m1i + n1r, twiddles[t + 6]!, twiddles[t + 7]!);
    }
  }
};

function turn(
  yRe: Float64Array,
  yIm: Float64Array,
  at: number,
  re: number,
  im: number,
  wr: number,
  wi: number,
): void {
  yRe[at] = re * wr - im * wi;
  yIm[at] = re * wi + im * wr;
}
