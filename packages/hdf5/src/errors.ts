import { StrainflowError } from "@strainflow/series";

/**
 * The tags that this package raises.
 *
 * - `file-not-found`: no such file, or a glob without a match;
 * - `hdf5-foreign`: not HDF5, or HDF5 of a layout (or with links, types, filters) that is not read here;
 * - `hdf5-truncated`: shorter than its own header says;
 * - `hdf5-damaged`: a checksum, a compressed stream or the structure is broken, or a value is not finite;
 * - `hdf5-missing-dataset`: the layout is known, but a dataset, attribute or channel that is needed is not there;
 * - `hdf5-overlap`: two files cover the same time with different samples;
 * - `hdf5-mismatch`: files of one channel differ in rate;
 * - `hdf5-no-data`: nothing lies in the GPS range asked for;
 * - `hdf5-changed`: a file was replaced while it was read;
 * - `hdf5-timeout`: parsing took longer than allowed;
 * - `hdf5-parser-lost`: the parser's thread or process died;
 * - `hdf5-write-failed`: an output could not be written;
 * - `aborted`: reading was given up by its caller.
 */
export type Hdf5Tag =
  | "file-not-found"
  | "hdf5-foreign"
  | "hdf5-truncated"
  | "hdf5-damaged"
  | "hdf5-missing-dataset"
  | "hdf5-overlap"
  | "hdf5-mismatch"
  | "hdf5-no-data"
  | "hdf5-changed"
  | "hdf5-timeout"
  | "hdf5-parser-lost"
  | "hdf5-write-failed"
  | "aborted";

/** Builds an error of this package; `details` always name the file. */
export function hdf5Error(
  tag: Hdf5Tag,
  message: string,
  details: Readonly<Record<string, unknown>> & { readonly path: string },
  cause?: unknown,
): StrainflowError {
  return new StrainflowError(tag, message, cause === undefined ? { details } : { details, cause });
}

/** An error as it crosses to another thread or process. */
export interface PlainError {
  readonly tag?: string;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Strips an error down to what structured cloning carries. */
export function plainError(error: unknown): PlainError {
  if (error instanceof StrainflowError)
    return { tag: error.tag, message: error.message, details: error.details };
  return { message: error instanceof Error ? error.message : String(error) };
}

/** Rebuilds an error that came from another thread or process. */
export function revivedError(plain: PlainError): Error {
  return plain.tag === undefined
    ? new Error(plain.message)
    : new StrainflowError(plain.tag, plain.message, { details: plain.details ?? {} });
}
