import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { invalid, Refusal } from "../refusal.ts";

/** A piece of shared memory that a client has told the server of. */
export interface SharedRegion {
  readonly name: string;
  readonly key: string;
  readonly offset: number;
  readonly byteSize: number;
}

export interface SharedMemoryOptions {
  /** Keys that may be registered begin with this. "": any key, as in Triton. */
  readonly prefix: string;
}

/** Where POSIX shared memory lies on Linux. */
const FOLDER = "/dev/shm/";

/** Offsets are whole pages, as the mapping of memory has it. */
const PAGE = 4096;

/**
 * System shared memory as clients register it. Node maps no memory, so that tensors are read from and written to the
 * region's file; on Linux that is the same memory.
 */
export class SharedMemory {
  readonly #prefix: string;
  readonly #regions = new Map<string, SharedRegion & { readonly file: number }>();

  constructor({ prefix }: SharedMemoryOptions) {
    this.#prefix = prefix;
  }

  /** @throws Refusal in Triton's words */
  register({ name, key, offset, byteSize }: SharedRegion): void {
    if (this.#regions.has(name))
      throw new Refusal("ALREADY_EXISTS", `shared memory region '${name}' already in manager`);
    const file = this.#open(key);
    try {
      const why = misfit(offset, byteSize, fstatSync(file).size);
      if (why !== undefined) throw invalid(`failed to register shared memory region '${name}': ${why}`);
      this.#regions.set(name, { name, key, offset, byteSize, file });
    } catch (error) {
      closeSync(file);
      throw error;
    }
  }

  /** One, or all where the name is "". What is not there need not go. */
  unregister(name: string): void {
    for (const [known, { file }] of this.#regions)
      if (name === "" || known === name) {
        closeSync(file);
        this.#regions.delete(known);
      }
  }

  /** One, or all where the name is "". @throws Refusal (NOT_FOUND) */
  status(name: string): readonly SharedRegion[] {
    if (name === "") return [...this.#regions.values()];
    const region = this.#regions.get(name);
    if (region === undefined)
      throw new Refusal("NOT_FOUND", `Unable to find system shared memory region: '${name}'`);
    return [region];
  }

  /** Bytes of a region, copied. @throws Refusal in Triton's words */
  read(name: string, offset: number, byteSize: number): Uint8Array {
    const at = this.#place(name, offset, byteSize);
    const bytes = new Uint8Array(byteSize);
    for (let done = 0; done < byteSize; ) {
      const count = readSync(at.file, bytes, done, byteSize - done, at.position + done);
      if (count === 0) throw new Refusal("INTERNAL", `shared memory region '${name}' has become smaller`);
      done += count;
    }
    return bytes;
  }

  /** That an output may be written there. @throws Refusal in Triton's words */
  check(name: string, offset: number, byteSize: number): void {
    this.#place(name, offset, byteSize);
  }

  /** @throws Refusal in Triton's words */
  write(name: string, offset: number, bytes: Uint8Array): void {
    const at = this.#place(name, offset, bytes.byteLength);
    // A file that became smaller would grow again under a write: its owner has taken the memory back.
    if (fstatSync(at.file).size < at.position + bytes.byteLength)
      throw new Refusal("INTERNAL", `shared memory region '${name}' has become smaller`);
    for (let done = 0; done < bytes.byteLength; )
      done += writeSync(at.file, bytes, done, bytes.byteLength - done, at.position + done);
  }

  #place(
    name: string,
    offset: number,
    byteSize: number,
  ): { readonly file: number; readonly position: number } {
    const region = this.#regions.get(name);
    if (region === undefined)
      throw new Refusal("NOT_FOUND", `Unable to find shared memory region: '${name}'`);
    if (!(offset >= 0 && offset < region.byteSize))
      throw invalid(`Invalid offset for shared memory region: '${name}'`);
    if (!(byteSize > 0 && offset + byteSize <= region.byteSize))
      throw invalid(`Invalid offset + byte size for shared memory region: '${name}'`);
    return { file: region.file, position: region.offset + offset };
  }

  /** A plain file of the folder itself: no path, no link. */
  #open(key: string): number {
    const unable = (cause?: unknown): Refusal =>
      new Refusal("INTERNAL", `Unable to open shared memory region: '${key}'`, { cause });
    const name = key.startsWith("/") ? key.slice(1) : key;
    if (!/^[^/\0]{1,255}$/.test(name) || name === "." || name === "..") throw unable();
    if (!name.startsWith(this.#prefix.replace(/^\//, ""))) throw unable();
    let file: number;
    try {
      file = openSync(`${FOLDER}${name}`, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (cause) {
      throw unable(cause);
    }
    if (fstatSync(file).isFile()) return file;
    closeSync(file);
    throw unable();
  }
}

function misfit(offset: number, byteSize: number, fileSize: number): string | undefined {
  if (byteSize <= 0 || offset < 0 || offset % PAGE !== 0)
    return "unable to process address spaceInvalid argument";
  if (!Number.isSafeInteger(offset + byteSize))
    return "unable to process address spaceCannot allocate memory";
  return offset + byteSize > fileSize ? "invalid args" : undefined;
}
