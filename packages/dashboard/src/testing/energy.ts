const ROWS = 64;
const COLUMN_RATE = 256;
const Q = 10;

/** Normalised energy of white noise and what is in it, by Gaussian windows of equal cycles; 1 on average in noise. */
export function measureEnergy(
  values: Float32Array,
  rate: number,
): { readonly columnRate: number; readonly frequencies: readonly number[]; readonly energy: Float32Array } {
  const frequencies = Array.from({ length: ROWS }, (_, row) => 25 * (800 / 25) ** (row / (ROWS - 1)));
  const columns = Math.floor((values.length / rate) * COLUMN_RATE);
  const energy = new Float32Array(ROWS * columns);
  frequencies.forEach((frequency, row) => {
    const width = (Q / (2 * Math.PI * frequency)) * rate;
    const half = Math.ceil(3 * width);
    // What does not depend on the column is worked out once: a picture in a test must not take seconds.
    const cosine = Float64Array.from(
      values,
      (value, i) => value * Math.cos((2 * Math.PI * frequency * i) / rate),
    );
    const sine = Float64Array.from(
      values,
      (value, i) => value * Math.sin((2 * Math.PI * frequency * i) / rate),
    );
    const window = Float64Array.from({ length: 2 * half }, (_, i) =>
      Math.exp(-0.5 * ((i - half) / width) ** 2),
    );
    for (let column = 0; column < columns; column++) {
      const centre = Math.round((column * rate) / COLUMN_RATE);
      let re = 0;
      let im = 0;
      let power = 0;
      for (let i = Math.max(0, centre - half); i < Math.min(values.length, centre + half); i++) {
        const weight = window[i - centre + half] ?? 0;
        re += weight * (cosine[i] ?? 0);
        im += weight * (sine[i] ?? 0);
        power += weight * weight;
      }
      energy[row * columns + column] = (re * re + im * im) / power;
    }
  });
  return { columnRate: COLUMN_RATE, frequencies, energy };
}
