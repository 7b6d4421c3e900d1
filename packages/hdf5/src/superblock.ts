import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { hdf5Error } from "./errors.ts";

/** What is known of a file before the HDF5 library sees it. */
export interface Superblock {
  readonly path: string;
  readonly byteSize: number;
  readonly modifiedMs: number;
  /** Of the superblock: 0 and 1 have metadata without checksums, 2 and 3 with. */
  readonly version: number;
  /** Where the superblock begins; all addresses count from here. */
  readonly base: number;
  /** Bytes per address in the file. */
  readonly addressSize: number;
  /** Bytes per length in the file. */
  readonly lengthSize: number;
}

const SIGNATURE = Buffer.from([0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a]);
const HEADER_SIZE = 128;

/**
 * Checks that a file is HDF5 and as long as its header says.
 *
 * Source: HDF5 File Format Specification 3.0, II.A.
 *
 * @throws `file-not-found`, `hdf5-foreign`, `hdf5-truncated`
 */
export function readSuperblock(path: string): Superblock {
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch (error) {
    const code = error instanceof Error ? Reflect.get(error, "code") : undefined;
    throw hdf5Error(
      "file-not-found",
      code === "ENOENT"
        ? `${path}: there is no such file`
        : `${path}: the file cannot be opened (${String(code)})`,
      { path },
      error,
    );
  }
  try {
    const facts = fstatSync(descriptor);
    if (!facts.isFile()) throw hdf5Error("hdf5-foreign", `${path}: this is not a file`, { path });
    const found = findSignature(descriptor, facts.size);
    if (found === undefined)
      throw hdf5Error(
        facts.size === 0 ? "hdf5-truncated" : "hdf5-foreign",
        facts.size === 0
          ? `${path}: the file is empty; download it again`
          : `${path}: this is not an HDF5 file (its signature is missing)`,
        { path },
      );
    const { header, base } = found;
    const version = header[8] ?? 255;
    const modern = version >= 2;
    const addressSize = header[modern ? 9 : 13] ?? 0;
    const lengthSize = header[modern ? 10 : 14] ?? 0;
    if (version > 3 || ![4, 8].includes(addressSize) || ![4, 8].includes(lengthSize))
      throw hdf5Error(
        "hdf5-damaged",
        `${path}: the file's header is broken (superblock version ${version}, addresses of ${addressSize} bytes)`,
        { path },
      );
    // Version 0: base, free space, end; version 1 puts four bytes before; later ones: base, extension, end.
    const first = modern ? 12 : version === 1 ? 28 : 24;
    const end = address(header, first + 2 * addressSize, addressSize);
    if (end > facts.size - base)
      throw hdf5Error(
        "hdf5-truncated",
        `${path}: the file has ${facts.size.toLocaleString("en")} bytes of ${(end + base).toLocaleString("en")}; download it again`,
        { path, byteSize: facts.size, expectedSize: end + base },
      );
    return { path, byteSize: facts.size, modifiedMs: facts.mtimeMs, version, base, addressSize, lengthSize };
  } finally {
    closeSync(descriptor);
  }
}

/** The signature stands at byte 0, 512, 1024, 2048, … behind a user block. */
function findSignature(
  descriptor: number,
  byteSize: number,
): { readonly header: Buffer; readonly base: number } | undefined {
  for (let base = 0; base + SIGNATURE.length <= byteSize; base = base === 0 ? 512 : base * 2) {
    const header = Buffer.alloc(HEADER_SIZE);
    readSync(descriptor, header, 0, HEADER_SIZE, base);
    if (header.subarray(0, SIGNATURE.length).equals(SIGNATURE)) return { header, base };
  }
  return undefined;
}

function address(buffer: Buffer, at: number, size: number): number {
  return size === 8 ? Number(buffer.readBigUInt64LE(at)) : buffer.readUInt32LE(at);
}
