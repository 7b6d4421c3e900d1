import { hdf5Error } from "./errors.ts";
import type { ChannelFacts, MaskFacts } from "./facts.ts";
import { ifoIn } from "./ifo-name.ts";
import { attempt, attribute, datasetAt, kindOf, type OpenFile, scalarAt, stringsAt } from "./open-file.ts";
import { chunkIndexOf, damagedError, storageFacts } from "./storage.ts";
import { rateOf, startOf } from "./time-axis.ts";

/*
 * GWOSC's layout, old (LOSC, O1) and new (GWOSCmeta, O2 on): https://gwosc.org/archive/links/, "HDF5 files".
 * strain/Strain with Npoints, Xstart, Xspacing; quality/simple/DQmask and quality/injections/Injmask at 1 Hz;
 * meta/Detector, GPSstart, Duration. The two differ in metadata that is not needed here.
 */
const STRAIN = "strain/Strain";

/** A mask has an entry per second; a year of them is more than any file holds. */
const MASK_LIMIT = 40_000_000;

/** Whether the file has GWOSC's strain. */
export function isGwosc(open: OpenFile): boolean {
  return kindOf(open, STRAIN) === "dataset";
}

/** The one channel of a GWOSC file. @throws `hdf5-missing-dataset`, `hdf5-damaged`, `hdf5-foreign` */
export function describeGwosc(open: OpenFile): ChannelFacts {
  const storage = storageFacts(open, STRAIN);
  const spacing = needed(open, STRAIN, "Xspacing");
  const begin = needed(open, STRAIN, "Xstart");
  const sampleRate = rateOf(open, STRAIN, spacing);
  const start = startOf(open, STRAIN, begin, sampleRate);
  agree(open, "Npoints", attribute(open, STRAIN, "Npoints"), storage.size);
  agree(open, "meta/GPSstart", scalarAt(open, "meta/GPSstart"), begin);
  const duration = scalarAt(open, "meta/Duration");
  agree(
    open,
    "meta/Duration (in samples)",
    typeof duration === "number" ? duration * sampleRate : undefined,
    storage.size,
  );
  const detector = scalarAt(open, "meta/Detector");
  const unit = attribute(open, STRAIN, "Yunits");
  return {
    ...storage,
    channel: ifoIn(typeof detector === "string" ? detector : "") ?? ifoIn(open.path) ?? "strain",
    start,
    sampleRate,
    unit: typeof unit === "string" ? unit : "",
    masks: [
      ...describeMask(open, "quality", "quality/simple", "DQ", "DQmask", {
        start,
        sampleRate,
        size: storage.size,
      }),
      ...describeMask(open, "injections", "quality/injections", "Inj", "Injmask", {
        start,
        sampleRate,
        size: storage.size,
      }),
    ],
  };
}

/** A number that the file must have. */
function needed(open: OpenFile, dataset: string, name: string): number {
  const value = attribute(open, dataset, name);
  if (typeof value === "number") return value;
  throw hdf5Error("hdf5-missing-dataset", `${open.path}: ${dataset} has no attribute ${name}`, {
    path: open.path,
    dataset,
    attribute: name,
  });
}

/** The layout says most things twice, and old HDF5 metadata have no checksum: the two must agree. */
function agree(open: OpenFile, what: string, said: string | number | undefined, found: number): void {
  if (said === undefined || said === found) return;
  throw hdf5Error(
    "hdf5-damaged",
    `${open.path}: ${STRAIN} contradicts itself: ${what} is ${said}, the data say ${found}; download it again`,
    { path: open.path, dataset: STRAIN },
  );
}

function describeMask(
  open: OpenFile,
  kind: MaskFacts["kind"],
  group: string,
  prefix: string,
  name: string,
  strain: { readonly start: number; readonly sampleRate: number; readonly size: number },
): MaskFacts[] {
  const path = `${group}/${name}`;
  if (kindOf(open, path) !== "dataset") return [];
  const { dataset, metadata } = datasetAt(open, path);
  const count = metadata.shape?.[0] ?? 0;
  const spacing = attribute(open, path, "Xspacing") ?? 1;
  const begin = attribute(open, path, "Xstart");
  const entrySize = typeof spacing === "number" ? spacing * strain.sampleRate : Number.NaN;
  const start = typeof begin === "number" ? startOf(open, path, begin, strain.sampleRate) : strain.start;
  if (
    metadata.type !== 0 ||
    metadata.shape?.length !== 1 ||
    metadata.virtual_sources !== undefined ||
    !(count <= MASK_LIMIT) ||
    !Number.isInteger(entrySize) ||
    entrySize < 1 ||
    start > strain.start ||
    start + count * entrySize < strain.start + strain.size
  )
    throw damagedError(open, path, "it does not fit its strain");
  // A chunk that is lost would read as zeros: every bit unset.
  const index = chunkIndexOf(open, path, metadata, true);
  if (index !== undefined && index.stored < count)
    throw damagedError(open, path, "a part of it is not in the file");
  const raw: unknown = attempt(open, path, () => dataset.value);
  return [
    {
      kind,
      dataset: path,
      start,
      entrySize,
      names: stringsAt(open, `${group}/${prefix}Shortnames`),
      descriptions: stringsAt(open, `${group}/${prefix}Descriptions`),
      values: toWords(raw),
    },
  ];
}

/** Masks come as integers of any width. */
function toWords(raw: unknown): Uint32Array {
  if (raw instanceof Uint32Array) return raw;
  if (raw instanceof BigInt64Array || raw instanceof BigUint64Array)
    return Uint32Array.from(raw, (word) => Number(BigInt.asUintN(32, word)));
  if (
    raw instanceof Int32Array ||
    raw instanceof Uint16Array ||
    raw instanceof Int16Array ||
    raw instanceof Uint8Array ||
    raw instanceof Int8Array
  )
    return Uint32Array.from(raw, (word) => word >>> 0);
  return new Uint32Array(0);
}
