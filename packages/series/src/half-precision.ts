/*
 * FP16 (IEEE 754 binary16: 5 bits of exponent, 10 of fraction) and BF16 (the upper half of a binary32) travel as their
 * bit patterns in a Uint16Array. Rounding is to nearest, ties to even.
 */

const scratch = new Float32Array(1);
const bits = new Uint32Array(scratch.buffer);

/** The FP16 bit patterns of samples: beyond ±65504 is ±infinity, below 2⁻²⁵ is 0. */
export function float16Bits(samples: Float32Array | Float64Array): Uint16Array {
  return Uint16Array.from(samples, float16BitsOf);
}

function float16BitsOf(sample: number): number {
  const sign = sample < 0 || Object.is(sample, -0) ? 0x8000 : 0;
  const size = Math.abs(sample);
  if (Number.isNaN(size)) return 0x7e00;
  // Half of the last step past the largest, 65504, is the first that rounds up to infinity.
  if (size >= 65520) return sign | 0x7c00;
  const exponent = Math.max(-14, exponentOf(size));
  const steps = roundTiesToEven(size / 2 ** (exponent - 10));
  // A subnormal has no leading one; a carry out of the fraction goes into the exponent, as it should.
  return sign | (steps + ((exponent + 14) << 10));
}

/** ⌊log₂⌋ of a size of at least 2⁻²², exactly; smaller ones are taken for that. */
function exponentOf(size: number): number {
  scratch[0] = size;
  const exponent = ((bits[0]! >>> 23) & 0xff) - 127;
  // Rounding to binary32 may have carried it over a power of two.
  return size < 2 ** exponent ? exponent - 1 : exponent;
}

function roundTiesToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

/** Numbers of FP16 bit patterns. */
export function fromFloat16Bits(patterns: Uint16Array): Float32Array {
  return Float32Array.from(patterns, (pattern) => {
    const sign = pattern & 0x8000 ? -1 : 1;
    const exponent = (pattern >> 10) & 0x1f;
    const fraction = pattern & 0x3ff;
    if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
  });
}

/** The BF16 bit patterns of samples. */
export function bfloat16Bits(samples: Float32Array | Float64Array): Uint16Array {
  const single = samples instanceof Float32Array ? samples : Float32Array.from(samples);
  return Uint16Array.from(single, (sample) => {
    if (Number.isNaN(sample)) return 0x7fc0;
    scratch[0] = sample;
    const pattern = bits[0]!;
    return (pattern + 0x7fff + ((pattern >>> 16) & 1)) >>> 16;
  });
}

/** Numbers of BF16 bit patterns. */
export function fromBfloat16Bits(patterns: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(patterns, (pattern) => pattern << 16).buffer);
}
