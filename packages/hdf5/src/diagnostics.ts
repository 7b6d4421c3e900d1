import type { Hdf5Tag } from "./errors.ts";

/** What HDF5's error stack comes down to. */
export interface Diagnosis {
  readonly tag: Hdf5Tag;
  /** The end of the sentence "strain/Strain cannot be read: …". */
  readonly reason: string;
}

/** The stack's entries, outermost first: `#003: …/H5Zfletcher32.c line 98 in H5Z__filter_fletcher32(): data error …`. */
const ENTRY = /^\s*#\d+: .* line \d+ in \w+\(\): (.*)$/;

/** HDF5's words, most telling first, with ours. */
const KNOWN: readonly (readonly [RegExp, Hdf5Tag, string])[] = [
  [/file signature not found/, "hdf5-foreign", "it is not an HDF5 file"],
  [/truncated file/, "hdf5-truncated", "it is shorter than its header says"],
  [/Fletcher32 checksum/, "hdf5-damaged", "fails its checksum"],
  [/inflate\(\) failed/, "hdf5-damaged", "cannot be decompressed"],
  [
    /required filter .* is not registered/,
    "hdf5-foreign",
    "is compressed with a filter that this reader lacks (rewrite it with gzip)",
  ],
  [/filter returned failure/, "hdf5-damaged", "cannot be decompressed"],
  [/checksum/i, "hdf5-damaged", "the file's structure fails its checksum"],
  [
    /wrong (B-tree|version|object header|symbol|heap|.*signature)|bad .*signature/i,
    "hdf5-damaged",
    "the file's structure is broken",
  ],
];

/** Translates what HDF5 (or the wasm engine under it) says into one tag and half a sentence. */
export function diagnose(error: unknown): Diagnosis {
  const text = error instanceof Error ? error.message : String(error);
  const entries = text.split("\n").flatMap((line) => ENTRY.exec(line)?.[1] ?? []);
  for (const [pattern, tag, reason] of KNOWN)
    if (entries.some((entry) => pattern.test(entry))) return { tag, reason };
  const deepest = entries.at(-1);
  if (deepest !== undefined)
    return { tag: "hdf5-damaged", reason: `the file's structure is broken (HDF5 says: ${deepest})` };
  if (isTrap(error))
    return { tag: "hdf5-damaged", reason: "the file's structure is broken (the HDF5 library stopped on it)" };
  return { tag: "hdf5-damaged", reason: `the file's structure is broken (${text.split("\n")[0] ?? ""})` };
}

/** Whether the wasm engine itself stopped: nothing more may be asked of that instance. */
export function isTrap(error: unknown): boolean {
  return error instanceof Error && (error.name === "RuntimeError" || error.name === "RangeError");
}
