import type { SampleArray } from "@strainflow/series";
import { diagnose } from "./diagnostics.ts";
import { type DirectLayout, directLayout, readDirectly } from "./direct-read.ts";
import { hdf5Error } from "./errors.ts";
import type { BadStretch } from "./facts.ts";
import { enter } from "./instance.ts";
import { isSeries, type OpenFile } from "./open-file.ts";

/** A stretch of a dataset, in samples from its first. */
export interface ReadRequest {
  readonly path: string;
  readonly dataset: string;
  readonly from: number;
  readonly count: number;
  /** As described: a file that has changed since is refused. */
  readonly byteSize: number;
  readonly modifiedMs: number;
}

export interface ReadResult {
  /** `count` samples; what is bad is NaN. */
  readonly data: SampleArray;
  readonly bad: readonly BadStretch[];
}

/** The longest stretch that is read at once, in bytes: far below the 2 GiB that the wasm memory may grow to. */
const READ_LIMIT = 1 << 28;

/**
 * Reads a stretch; where that fails, chunk by chunk.
 *
 * `reopen` gives the same file in an instance without a past; it is used after the engine has trapped.
 */
export async function readSamples(
  open: () => OpenFile,
  reopen: () => Promise<void>,
  request: ReadRequest,
): Promise<ReadResult> {
  const { dataset, from, count } = request;
  if (isWorn(open())) await reopen();
  const { chunkSize, narrow } = check(open(), request);
  const direct = layoutOf(open(), dataset);
  const fast = direct === undefined ? undefined : readDirectly(open(), direct, from, count);
  if (fast !== undefined) return { data: fast, bad: [] };
  const whole = readOnce(open(), dataset, from, count);
  if (!("reason" in whole)) return { data: whole, bad: [] };
  if (chunkSize === 0 || whole.tag !== "hdf5-damaged")
    throw hdf5Error(whole.tag, `${request.path}: ${dataset} cannot be read: ${whole.reason}`, {
      path: request.path,
      dataset,
    });
  const data = (narrow ? new Float32Array(count) : new Float64Array(count)).fill(Number.NaN);
  const bad: BadStretch[] = [];
  for (let chunk = Math.floor(from / chunkSize); chunk * chunkSize < from + count; chunk++) {
    const first = Math.max(from, chunk * chunkSize);
    const last = Math.min(from + count, (chunk + 1) * chunkSize);
    if (isWorn(open())) await reopen();
    const part = readOnce(open(), dataset, first, last - first);
    if ("reason" in part) bad.push({ from: first, to: last, chunk, reason: part.reason });
    else data.set(part, first - from);
  }
  return { data, bad };
}

/** Found once per dataset, and kept while the file is open. */
function layoutOf(open: OpenFile, dataset: string): DirectLayout | undefined {
  const { layouts } = open;
  if (!layouts.has(dataset)) layouts.set(dataset, directLayout(open, dataset));
  return layouts.get(dataset);
}

/** Every failure leaves a few handles open, and at some 1700 of them (measured) the library stops by itself. */
const FAILURE_LIMIT = 512;

function isWorn({ instance }: OpenFile): boolean {
  return instance.trapped || instance.failures > FAILURE_LIMIT;
}

function readOnce(
  open: OpenFile,
  dataset: string,
  from: number,
  count: number,
): SampleArray | ReturnType<typeof diagnose> {
  try {
    const read = enter(open.instance, (h5) =>
      new h5.Dataset(open.file.file_id, dataset).slice([[from, from + count]]),
    );
    if ((read instanceof Float64Array || read instanceof Float32Array) && read.length === count) return read;
    return { tag: "hdf5-damaged", reason: "gives fewer samples than it says" };
  } catch (error) {
    return diagnose(error);
  }
}

/** Checks a request against the file before anything is allocated for it. */
function check(
  open: OpenFile,
  request: ReadRequest,
): { readonly chunkSize: number; readonly narrow: boolean } {
  const { path, dataset, from, count } = request;
  const { byteSize, modifiedMs } = open.superblock;
  if (byteSize !== request.byteSize || modifiedMs !== request.modifiedMs)
    throw hdf5Error(
      "hdf5-changed",
      `${path}: the file was written to since it was opened; read it once it is complete`,
      {
        path,
      },
    );
  const metadata = enter(open.instance, (h5) => new h5.Dataset(open.file.file_id, dataset).metadata);
  const size = metadata.shape?.[0] ?? 0;
  if (
    !isSeries(metadata) ||
    from < 0 ||
    count < 1 ||
    from + count > size ||
    count * metadata.size > READ_LIMIT
  )
    throw new RangeError(
      `${path}: samples ${from} + ${count} of ${dataset} cannot be read at once (it has ${size})`,
    );
  return { chunkSize: metadata.chunks?.[0] ?? 0, narrow: metadata.size === 4 };
}
