/*
 * The passes of `src/butterflies.ts`.
 *
 * A pass's inner loop runs over neighbours, two at a time: its stride must be even. The first pass, whose stride is 1,
 * takes two of its groups at a time instead: it must be of radix 4, with an even number of groups.
 */

/** The same number twice. */
function both(at: usize): v128 {
  return v128.load64_splat(at);
}

/** The numbers at two addresses. */
function pair(a: usize, b: usize): v128 {
  return v128.load64_lane(b, v128.load64_zero(a), 1);
}

/** (a, b) turned by (c, d): the real part. */
function turnedRe(re: v128, im: v128, wr: v128, wi: v128): v128 {
  return f64x2.sub(f64x2.mul(re, wr), f64x2.mul(im, wi));
}

function turnedIm(re: v128, im: v128, wr: v128, wi: v128): v128 {
  return f64x2.add(f64x2.mul(re, wi), f64x2.mul(im, wr));
}

/** (a0, b0) and (a1, b1) to the two addresses' neighbours: what two groups write, one after the other. */
function storeAcross(at: usize, next: usize, a: v128, b: v128): void {
  v128.store(at, v128.shuffle<f64>(a, b, 0, 2));
  v128.store(next, v128.shuffle<f64>(a, b, 1, 3));
}

export function radix4First(
  xRe: usize,
  xIm: usize,
  yRe: usize,
  yIm: usize,
  twiddles: usize,
  groups: i32,
): void {
  const hop: usize = usize(groups) << 3;
  let t = twiddles;
  let y: usize = 0;
  for (let a: usize = 0; a < hop; a += 16, t += 96, y += 64) {
    const b = a + hop;
    const c = b + hop;
    const d = c + hop;
    const aR = v128.load(xRe + a);
    const aI = v128.load(xIm + a);
    const bR = v128.load(xRe + b);
    const bI = v128.load(xIm + b);
    const cR = v128.load(xRe + c);
    const cI = v128.load(xIm + c);
    const dR = v128.load(xRe + d);
    const dI = v128.load(xIm + d);
    const acR = f64x2.add(aR, cR);
    const acI = f64x2.add(aI, cI);
    const amcR = f64x2.sub(aR, cR);
    const amcI = f64x2.sub(aI, cI);
    const bdR = f64x2.add(bR, dR);
    const bdI = f64x2.add(bI, dI);
    const bmdR = f64x2.sub(bR, dR);
    const bmdI = f64x2.sub(bI, dI);
    const e1r = f64x2.add(amcR, bmdI);
    const e1i = f64x2.sub(amcI, bmdR);
    const e2r = f64x2.sub(acR, bdR);
    const e2i = f64x2.sub(acI, bdI);
    const e3r = f64x2.sub(amcR, bmdI);
    const e3i = f64x2.add(amcI, bmdR);
    const w1r = pair(t, t + 48);
    const w1i = pair(t + 8, t + 56);
    const w2r = pair(t + 16, t + 64);
    const w2i = pair(t + 24, t + 72);
    const w3r = pair(t + 32, t + 80);
    const w3i = pair(t + 40, t + 88);
    const r = yRe + y;
    const i = yIm + y;
    storeAcross(r, r + 32, f64x2.add(acR, bdR), turnedRe(e1r, e1i, w1r, w1i));
    storeAcross(i, i + 32, f64x2.add(acI, bdI), turnedIm(e1r, e1i, w1r, w1i));
    storeAcross(r + 16, r + 48, turnedRe(e2r, e2i, w2r, w2i), turnedRe(e3r, e3i, w3r, w3i));
    storeAcross(i + 16, i + 48, turnedIm(e2r, e2i, w2r, w2i), turnedIm(e3r, e3i, w3r, w3i));
  }
}

export function radix2(
  xRe: usize,
  xIm: usize,
  yRe: usize,
  yIm: usize,
  twiddles: usize,
  groups: i32,
  stride: i32,
): void {
  const by: usize = usize(stride) << 3;
  const hop: usize = usize(groups) * by;
  let a: usize = 0;
  let y: usize = 0;
  let t = twiddles;
  for (let p = 0; p < groups; p++, t += 16, y += by) {
    const wr = both(t);
    const wi = both(t + 8);
    for (const end = a + by; a < end; a += 16, y += 16) {
      const aR = v128.load(xRe + a);
      const aI = v128.load(xIm + a);
      const bR = v128.load(xRe + a + hop);
      const bI = v128.load(xIm + a + hop);
      const dR = f64x2.sub(aR, bR);
      const dI = f64x2.sub(aI, bI);
      v128.store(yRe + y, f64x2.add(aR, bR));
      v128.store(yIm + y, f64x2.add(aI, bI));
      v128.store(yRe + y + by, turnedRe(dR, dI, wr, wi));
      v128.store(yIm + y + by, turnedIm(dR, dI, wr, wi));
    }
  }
}

const SIN_60: f64 = 0.8660254037844386;

export function radix3(
  xRe: usize,
  xIm: usize,
  yRe: usize,
  yIm: usize,
  twiddles: usize,
  groups: i32,
  stride: i32,
): void {
  const by: usize = usize(stride) << 3;
  const hop: usize = usize(groups) * by;
  const half = f64x2.splat(0.5);
  const sine = f64x2.splat(SIN_60);
  let a: usize = 0;
  let y: usize = 0;
  let t = twiddles;
  for (let p = 0; p < groups; p++, t += 32, y += 2 * by) {
    const w1r = both(t);
    const w1i = both(t + 8);
    const w2r = both(t + 16);
    const w2i = both(t + 24);
    for (const end = a + by; a < end; a += 16, y += 16) {
      const b = a + hop;
      const c = b + hop;
      const aR = v128.load(xRe + a);
      const aI = v128.load(xIm + a);
      const bR = v128.load(xRe + b);
      const bI = v128.load(xIm + b);
      const cR = v128.load(xRe + c);
      const cI = v128.load(xIm + c);
      const sR = f64x2.add(bR, cR);
      const sI = f64x2.add(bI, cI);
      const dR = f64x2.mul(sine, f64x2.sub(bR, cR));
      const dI = f64x2.mul(sine, f64x2.sub(bI, cI));
      const mR = f64x2.sub(aR, f64x2.mul(half, sR));
      const mI = f64x2.sub(aI, f64x2.mul(half, sI));
      v128.store(yRe + y, f64x2.add(aR, sR));
      v128.store(yIm + y, f64x2.add(aI, sI));
      const pR = f64x2.add(mR, dI);
      const pI = f64x2.sub(mI, dR);
      v128.store(yRe + y + by, turnedRe(pR, pI, w1r, w1i));
      v128.store(yIm + y + by, turnedIm(pR, pI, w1r, w1i));
      const qR = f64x2.sub(mR, dI);
      const qI = f64x2.add(mI, dR);
      v128.store(yRe + y + 2 * by, turnedRe(qR, qI, w2r, w2i));
      v128.store(yIm + y + 2 * by, turnedIm(qR, qI, w2r, w2i));
    }
  }
}

export function radix4(
  xRe: usize,
  xIm: usize,
  yRe: usize,
  yIm: usize,
  twiddles: usize,
  groups: i32,
  stride: i32,
): void {
  const by: usize = usize(stride) << 3;
  const hop: usize = usize(groups) * by;
  let a: usize = 0;
  let y: usize = 0;
  let t = twiddles;
  for (let p = 0; p < groups; p++, t += 48, y += 3 * by) {
    const w1r = both(t);
    const w1i = both(t + 8);
    const w2r = both(t + 16);
    const w2i = both(t + 24);
    const w3r = both(t + 32);
    const w3i = both(t + 40);
    for (const end = a + by; a < end; a += 16, y += 16) {
      const b = a + hop;
      const c = b + hop;
      const d = c + hop;
      const aR = v128.load(xRe + a);
      const aI = v128.load(xIm + a);
      const bR = v128.load(xRe + b);
      const bI = v128.load(xIm + b);
      const cR = v128.load(xRe + c);
      const cI = v128.load(xIm + c);
      const dR = v128.load(xRe + d);
      const dI = v128.load(xIm + d);
      const acR = f64x2.add(aR, cR);
      const acI = f64x2.add(aI, cI);
      const amcR = f64x2.sub(aR, cR);
      const amcI = f64x2.sub(aI, cI);
      const bdR = f64x2.add(bR, dR);
      const bdI = f64x2.add(bI, dI);
      const bmdR = f64x2.sub(bR, dR);
      const bmdI = f64x2.sub(bI, dI);
      v128.store(yRe + y, f64x2.add(acR, bdR));
      v128.store(yIm + y, f64x2.add(acI, bdI));
      const e1r = f64x2.add(amcR, bmdI);
      const e1i = f64x2.sub(amcI, bmdR);
      v128.store(yRe + y + by, turnedRe(e1r, e1i, w1r, w1i));
      v128.store(yIm + y + by, turnedIm(e1r, e1i, w1r, w1i));
      const e2r = f64x2.sub(acR, bdR);
      const e2i = f64x2.sub(acI, bdI);
      v128.store(yRe + y + 2 * by, turnedRe(e2r, e2i, w2r, w2i));
      v128.store(yIm + y + 2 * by, turnedIm(e2r, e2i, w2r, w2i));
      const e3r = f64x2.sub(amcR, bmdI);
      const e3i = f64x2.add(amcI, bmdR);
      v128.store(yRe + y + 3 * by, turnedRe(e3r, e3i, w3r, w3i));
      v128.store(yIm + y + 3 * by, turnedIm(e3r, e3i, w3r, w3i));
    }
  }
}

const COS_72: f64 = (2.23606797749979 - 1) / 4;
const COS_144: f64 = -(2.23606797749979 + 1) / 4;

export function radix5(
  xRe: usize,
  xIm: usize,
  yRe: usize,
  yIm: usize,
  twiddles: usize,
  groups: i32,
  stride: i32,
  sin72: f64,
  sin144: f64,
): void {
  const by: usize = usize(stride) << 3;
  const hop: usize = usize(groups) * by;
  const c1 = f64x2.splat(COS_72);
  const c2 = f64x2.splat(COS_144);
  const s1 = f64x2.splat(sin72);
  const s2 = f64x2.splat(sin144);
  let a: usize = 0;
  let y: usize = 0;
  let t = twiddles;
  for (let p = 0; p < groups; p++, t += 64, y += 4 * by) {
    for (const end = a + by; a < end; a += 16, y += 16) {
      const aR = v128.load(xRe + a);
      const aI = v128.load(xIm + a);
      const b = a + hop;
      const c = b + hop;
      const d = c + hop;
      const e = d + hop;
      const s1r = f64x2.add(v128.load(xRe + b), v128.load(xRe + e));
      const s1i = f64x2.add(v128.load(xIm + b), v128.load(xIm + e));
      const d1r = f64x2.sub(v128.load(xRe + b), v128.load(xRe + e));
      const d1i = f64x2.sub(v128.load(xIm + b), v128.load(xIm + e));
      const s2r = f64x2.add(v128.load(xRe + c), v128.load(xRe + d));
      const s2i = f64x2.add(v128.load(xIm + c), v128.load(xIm + d));
      const d2r = f64x2.sub(v128.load(xRe + c), v128.load(xRe + d));
      const d2i = f64x2.sub(v128.load(xIm + c), v128.load(xIm + d));
      const m1r = f64x2.add(f64x2.add(aR, f64x2.mul(c1, s1r)), f64x2.mul(c2, s2r));
      const m1i = f64x2.add(f64x2.add(aI, f64x2.mul(c1, s1i)), f64x2.mul(c2, s2i));
      const m2r = f64x2.add(f64x2.add(aR, f64x2.mul(c2, s1r)), f64x2.mul(c1, s2r));
      const m2i = f64x2.add(f64x2.add(aI, f64x2.mul(c2, s1i)), f64x2.mul(c1, s2i));
      const n1r = f64x2.add(f64x2.mul(s1, d1r), f64x2.mul(s2, d2r));
      const n1i = f64x2.add(f64x2.mul(s1, d1i), f64x2.mul(s2, d2i));
      const n2r = f64x2.sub(f64x2.mul(s2, d1r), f64x2.mul(s1, d2r));
      const n2i = f64x2.sub(f64x2.mul(s2, d1i), f64x2.mul(s1, d2i));
      v128.store(yRe + y, f64x2.add(f64x2.add(aR, s1r), s2r));
      v128.store(yIm + y, f64x2.add(f64x2.add(aI, s1i), s2i));
      turn(yRe, yIm, y + by, f64x2.add(m1r, n1i), f64x2.sub(m1i, n1r), t);
      turn(yRe, yIm, y + 2 * by, f64x2.add(m2r, n2i), f64x2.sub(m2i, n2r), t + 16);
      turn(yRe, yIm, y + 3 * by, f64x2.sub(m2r, n2i), f64x2.add(m2i, n2r), t + 32);
      turn(yRe, yIm, y + 4 * by, f64x2.sub(m1r, n1i), f64x2.add(m1i, n1r), t + 48);
    }
  }
}

function turn(yRe: usize, yIm: usize, at: usize, re: v128, im: v128, w: usize): void {
  const wr = both(w);
  const wi = both(w + 8);
  v128.store(yRe + at, turnedRe(re, im, wr, wi));
  v128.store(yIm + at, turnedIm(re, im, wr, wi));
}
