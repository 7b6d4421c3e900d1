import { closeSync } from "node:fs";
import type * as H5wasm from "h5wasm/node";
import { isTrap } from "./diagnostics.ts";

/**
 * One copy of the HDF5 library, with its own memory, lent to one user at a time.
 *
 * h5wasm ignores HDF5's status codes and hands out whatever lies in the buffer, unless its throwing error handler is
 * on. Throwing leaves the handles of the failed call open, so an instance in which anything failed is not lent again;
 * after a trap its memory may be in any state, and it is not called again at all.
 */
export interface Instance {
  readonly h5: typeof H5wasm;
  /** HDF5's failures so far; each keeps some handles open. */
  failures: number;
  /** The engine has stopped. */
  trapped: boolean;
}

const idle: Instance[] = [];
let loaded = 0;

/** An instance in which nothing has gone wrong. Loading one takes about 50 ms and 19 MB. */
export async function borrowInstance(): Promise<Instance> {
  const ready = idle.pop();
  if (ready !== undefined) return ready;
  // A query makes Node load the module again, with a wasm memory of its own; the first needs none.
  const url = import.meta.resolve("h5wasm/node");
  const h5: typeof H5wasm = await import(loaded++ === 0 ? url : `${url}?instance=${loaded}`);
  await h5.ready;
  h5.Module.activate_throwing_error_handler();
  return { h5, failures: 0, trapped: false };
}

/** Gives an instance back. One that has failed is thrown away, and the files it left open are closed. */
export function returnInstance(instance: Instance): void {
  if (instance.failures === 0) idle.push(instance);
  else closeStreams(instance, () => true);
}

/** Runs one call into the library, and keeps account of what went wrong in it. */
export function enter<T>(instance: Instance, call: (h5: typeof H5wasm) => T): T {
  try {
    return call(instance.h5);
  } catch (error) {
    instance.failures++;
    closeStreams(instance, (path) => path.includes("/tmpfile_"));
    if (isTrap(error)) instance.trapped = true;
    throw error;
  }
}

/**
 * Closes descriptors behind leaked handles: they belong to the process, not to the instance. HDF5's message handler
 * leaves a temporary file open each time it throws.
 */
function closeStreams(instance: Instance, matches: (path: string) => boolean): void {
  const streams: unknown = Reflect.get(instance.h5.FS ?? {}, "streams");
  if (!Array.isArray(streams)) return;
  for (const [i, stream] of streams.entries()) {
    const descriptor: unknown = stream?.nfd;
    if (i < 3 || typeof descriptor !== "number" || descriptor < 3 || !matches(String(stream.path))) continue;
    streams[i] = null;
    try {
      closeSync(descriptor);
    } catch {
      // It was closed in between.
    }
  }
}
