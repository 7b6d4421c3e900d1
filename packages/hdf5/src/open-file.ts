import type { Dataset, File, Metadata } from "h5wasm/node";
import { diagnose } from "./diagnostics.ts";
import type { DirectLayout } from "./direct-read.ts";
import { hdf5Error } from "./errors.ts";
import { enter, type Instance } from "./instance.ts";
import { readSuperblock, type Superblock } from "./superblock.ts";

/** One open HDF5 file, and the checked ways into it. */
export interface OpenFile {
  readonly path: string;
  readonly superblock: Superblock;
  readonly instance: Instance;
  readonly file: File;
  /** Ways to samples past the library, by dataset; `undefined` for those that have none. */
  readonly layouts: Map<string, DirectLayout | undefined>;
}

/** Attributes and small datasets (names, descriptions) of more bytes than this are refused. */
const SMALL_LIMIT = 1 << 20;

/** HDF5's class numbers. */
const INTEGER = 0;
const FLOAT = 1;
const STRING = 3;

/** Opens a file read-only. @throws `file-not-found`, `hdf5-foreign`, `hdf5-truncated`, `hdf5-damaged` */
export function openFile(path: string, instance: Instance): OpenFile {
  const superblock = readSuperblock(path);
  const file = attempt({ path, instance }, undefined, (h5) => new h5.File(path, "r"));
  if (file.file_id < 0n)
    throw hdf5Error("hdf5-damaged", `${path}: the HDF5 library cannot open it`, { path });
  return { path, superblock, instance, file, layouts: new Map() };
}

/** Closes a file; a failure here concerns nobody any more. */
export function closeFile(open: OpenFile): void {
  if (open.instance.trapped) return;
  try {
    enter(open.instance, () => open.file.close());
  } catch {
    // `enter` has counted it, and the instance will not be lent again.
  }
}

/** Calls the library on behalf of a dataset, and translates what it complains of. */
export function attempt<T>(
  open: { readonly path: string; readonly instance: Instance },
  dataset: string | undefined,
  call: (h5: Instance["h5"]) => T,
): T {
  try {
    return enter(open.instance, call);
  } catch (error) {
    const { tag, reason } = diagnose(error);
    throw hdf5Error(
      tag,
      dataset === undefined
        ? `${open.path}: ${reason}`
        : `${open.path}: ${dataset} cannot be read: ${reason}`,
      dataset === undefined ? { path: open.path } : { path: open.path, dataset },
      error,
    );
  }
}

/** What lies at a path inside the file. Links are not followed: they may lead out of it. */
export type Kind = "group" | "dataset" | "link" | "absent";

/** What lies at a path, each part of which is looked up. */
export function kindOf(open: OpenFile, path: string): Kind {
  let at = "";
  let kind: Kind = "group";
  for (const name of path.split("/").filter((part) => part !== "")) {
    if (kind === "link") return "link";
    if (kind !== "group" || !namesIn(open, at === "" ? "/" : at).includes(name)) return "absent";
    at = at === "" ? name : `${at}/${name}`;
    kind = memberKind(open, at);
  }
  return kind;
}

/** What a member is whose name came from {@link namesIn}. */
export function memberKind(open: OpenFile, path: string): Kind {
  return attempt(open, path, ({ Module }) => {
    const id = open.file.file_id;
    const external: { readonly filename?: string } = Module.get_external_link(id, path);
    const symbolic: string | null = Module.get_symbolic_link(id, path);
    if (external.filename !== undefined || symbolic !== null) return "link";
    const type = Module.get_type(id, path);
    return type === Module.H5G_GROUP ? "group" : type === Module.H5G_DATASET ? "dataset" : "absent";
  });
}

/** Names of a group's members. */
export function namesIn(open: OpenFile, path: string): string[] {
  return attempt(open, path, ({ Module }) => Module.get_names(open.file.file_id, path, false));
}

/** A dataset with its metadata, checked to be one whose samples are in this file. @throws `hdf5-missing-dataset` */
export function datasetAt(
  open: OpenFile,
  path: string,
): { readonly dataset: Dataset; readonly metadata: Metadata } {
  const kind = kindOf(open, path);
  if (kind === "link")
    throw hdf5Error(
      "hdf5-foreign",
      `${open.path}: ${path} is a link, which is not followed; name the file it points into`,
      {
        path: open.path,
        dataset: path,
      },
    );
  if (kind !== "dataset")
    throw hdf5Error("hdf5-missing-dataset", `${open.path}: there is no dataset ${path}`, {
      path: open.path,
      dataset: path,
    });
  return attempt(open, path, (h5) => {
    const dataset = new h5.Dataset(open.file.file_id, path);
    return { dataset, metadata: dataset.metadata };
  });
}

/** Whether a dataset is a plain one-dimensional series of floats, little-endian, stored in this file. */
export function isSeries(metadata: Metadata): boolean {
  return (
    metadata.shape?.length === 1 &&
    metadata.type === FLOAT &&
    (metadata.size === 4 || metadata.size === 8) &&
    metadata.littleEndian &&
    metadata.virtual_sources === undefined
  );
}

/** A scalar (or one-element) attribute, or `undefined` if there is none. */
export function attribute(open: OpenFile, path: string, name: string): string | number | undefined {
  return attempt(open, path, (h5) => {
    const { Module } = h5;
    if (!Module.get_attribute_names(open.file.file_id, path).includes(name)) return undefined;
    const found = new h5.Attribute(open.file.file_id, path, name);
    if (!isSmallScalar(found.metadata)) return undefined;
    return scalar(found.json_value);
  });
}

/** A scalar dataset's value, or `undefined` if there is none. */
export function scalarAt(open: OpenFile, path: string): string | number | undefined {
  if (kindOf(open, path) !== "dataset") return undefined;
  const { dataset, metadata } = datasetAt(open, path);
  if (!isSmallScalar(metadata)) return undefined;
  return attempt(open, path, () => scalar(dataset.json_value));
}

/** A list of strings, `[]` if there is none. */
export function stringsAt(open: OpenFile, path: string): string[] {
  if (kindOf(open, path) !== "dataset") return [];
  const { dataset, metadata } = datasetAt(open, path);
  if (metadata.type !== STRING || metadata.total_size * metadata.size > SMALL_LIMIT) return [];
  const value = attempt(open, path, () => dataset.json_value);
  return Array.isArray(value) ? value.map(String) : [String(value)];
}

function isSmallScalar(metadata: Metadata): boolean {
  return (
    metadata.total_size === 1 &&
    metadata.size <= SMALL_LIMIT &&
    [INTEGER, FLOAT, STRING].includes(metadata.type)
  );
}

function scalar(value: unknown): string | number | undefined {
  const one: unknown = Array.isArray(value) ? value[0] : value;
  return typeof one === "string" || typeof one === "number" ? one : undefined;
}
