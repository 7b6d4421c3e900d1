/*
 * Viridis, by Nathaniel Smith, Stéfan van der Walt and Eric Firing (CC0): twenty of its colours, straight lines between.
 * Its lightness rises evenly, so equal steps of energy look equal, in grey and to colour-blind eyes too.
 */
const STOPS =
  "44015448156748267745378140478839568c33638d2d708e287d8e238a8d" +
  "1f968b20a38729af7f3cbb7555c66773d05595d840b8de29dce319fde725";

const COUNT = STOPS.length / 6;

/** Red, green, blue (0 to 255) at `place`, 0 to 1. */
export function viridis(place: number): readonly [number, number, number] {
  const at = Math.min(1, Math.max(0, place)) * (COUNT - 1);
  const stop = Math.min(COUNT - 2, Math.floor(at));
  return [channel(stop, 0, at - stop), channel(stop, 1, at - stop), channel(stop, 2, at - stop)];
}

function channel(stop: number, which: number, share: number): number {
  const at = 6 * stop + 2 * which;
  const one = Number.parseInt(STOPS.slice(at, at + 2), 16);
  const next = Number.parseInt(STOPS.slice(at + 6, at + 8), 16);
  return Math.round(one + share * (next - one));
}
