/**
 * A forward transform of one length, unnormalised: X[k] = Σ x[n]·e^(−2πi·kn/size).
 *
 * Output arrays may be the input arrays. All scratch memory belongs to the transform, so one of them must not be used
 * from inside itself; it never is, since nothing here is asynchronous.
 */
export type Transform = (xRe: Float64Array, xIm: Float64Array, yRe: Float64Array, yIm: Float64Array) => void;
