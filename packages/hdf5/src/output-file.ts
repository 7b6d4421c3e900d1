import { randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { File } from "h5wasm/node";
import { diagnose } from "./diagnostics.ts";
import { hdf5Error } from "./errors.ts";
import { borrowInstance, enter, returnInstance } from "./instance.ts";

/** A file that is being written, under a temporary name beside its final one. */
export interface OutputFile {
  readonly path: string;
  /** @throws `hdf5-write-failed` */
  edit<T>(change: (file: File) => T): T;
  /** Flushes, closes, syncs, gives the file its name, and syncs the folder: after it, the file survives a power cut. */
  finish(): Promise<void>;
  /** Leaves nothing behind. */
  discard(): Promise<void>;
}

/** Begins a file. Nothing is seen at `path`, and what is there already stays, until `finish`. */
export async function createOutputFile(finalPath: string): Promise<OutputFile> {
  const path = resolve(finalPath);
  const temporary = `${path}.part-${process.pid}-${randomBytes(4).toString("hex")}`;
  const instance = await borrowInstance();
  let file: File | undefined;

  const failed = (error: unknown, reason: string): Error =>
    hdf5Error("hdf5-write-failed", `${path}: cannot be written: ${reason}`, { path }, error);

  function call<T>(change: () => T): T {
    try {
      return enter(instance, change);
    } catch (error) {
      throw failed(error, diagnose(error).reason);
    }
  }

  async function discard(): Promise<void> {
    const closing = file;
    file = undefined;
    try {
      if (closing !== undefined && !instance.trapped) enter(instance, () => closing.close());
    } catch {
      // It is removed anyway, and `enter` has marked the instance.
    }
    returnInstance(instance);
    await rm(temporary, { force: true });
  }

  try {
    // Asked for by Node first: its message about a missing folder or right is plainer than HDF5's.
    await (await open(temporary, "wx")).close();
    file = call(() => new instance.h5.File(temporary, "w"));
  } catch (error) {
    await discard();
    throw failed(error, error instanceof Error ? error.message : String(error));
  }

  return {
    path,
    edit(change) {
      const writing = file;
      if (writing === undefined) throw failed(undefined, "it is closed");
      return call(() => change(writing));
    },
    async finish() {
      const closing = file;
      if (closing === undefined) throw failed(undefined, "it is closed");
      try {
        const status = call(() => {
          closing.flush();
          return closing.close();
        });
        if (status < 0) throw failed(undefined, "HDF5 could not close it");
        file = undefined;
        await sync(temporary, "r+");
        await rename(temporary, path);
        await sync(dirname(path), "r");
      } catch (error) {
        await discard();
        throw error instanceof Error && error.name === "StrainflowError"
          ? error
          : failed(error, String(error));
      }
      returnInstance(instance);
    },
    discard,
  };
}

async function sync(path: string, mode: "r" | "r+"): Promise<void> {
  const handle = await open(path, mode);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
