const { fround } = Math;

/**
 * The periodic Hann window in float32 arithmetic throughout, as torch makes it. The reference's PSD rests on it: the
 * rounding of the window leaks power from loud bins into quiet ones, some 1e-4 of strain's spectrum.
 */
export function float32Hann(size: number): Float64Array {
  const step = fround((2 * Math.PI) / size);
  return Float64Array.from({ length: size }, (_, n) =>
    fround(fround(fround(Math.cos(fround(n * step))) * -0.5) + 0.5),
  );
}

/** The periodic Hann window: sin²(πn/size). */
export function hann(size: number): Float64Array {
  return Float64Array.from({ length: size }, (_, n) => 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / size));
}
