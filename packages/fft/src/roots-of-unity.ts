/**
 * cos and −sin of 2π·`k`/`size`: one root of unity, as a forward transform turns.
 *
 * The angle is folded into the first eighth of the circle before `Math.cos` sees it, so that opposite roots are exact
 * negatives, quarter turns are exactly 0 and ±1, and no error grows with `k`.
 */
export function rootOfUnity(k: number, size: number): { readonly re: number; readonly im: number } {
  let turn = k % size;
  if (turn < 0) turn += size;
  // In eighths of the circle: 8·turn/size, kept as a fraction so that the folding is exact.
  let eighths = 8 * turn;
  let negateIm = false;
  let negateRe = false;
  if (eighths > 4 * size) {
    eighths = 8 * size - eighths;
    negateIm = true;
  }
  if (eighths > 2 * size) {
    eighths = 4 * size - eighths;
    negateRe = true;
  }
  const swap = eighths > size;
  const angle = ((swap ? 2 * size - eighths : eighths) * Math.PI) / (4 * size);
  const re = swap ? Math.sin(angle) : Math.cos(angle);
  const im = swap ? Math.cos(angle) : Math.sin(angle);
  return { re: negateRe ? -re : re, im: negateIm ? im : -im };
}
