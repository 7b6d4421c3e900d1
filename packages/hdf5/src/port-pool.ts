import { createFileSession, type FilePort } from "./file-session.ts";
import { createRemotePort } from "./remote-port.ts";

/** Where files are parsed: see {@link OpenHdf5Options.isolation}. */
export type Isolation = "worker" | "process" | "none";

/** Lends parsers, each to one user at a time. */
export interface PortPool {
  acquire(): FilePort;
  /** Takes a parser back: kept for a moment if it is sound, for the next file or reader. */
  giveBack(port: FilePort, sound: boolean): Promise<void>;
}

/** Starting a thread with the HDF5 library takes a quarter of a second: long enough to keep one between two uses. */
const IDLE_MS = 2000;

const pools = new Map<string, PortPool>();

/**
 * The pool of parsers of one kind. It is one for all of the process, so that who opens file after file does not start a
 * thread for each; no parser outlives its use by more than two seconds or keeps the process alive.
 */
export function portPool(isolation: Isolation, timeoutMs: number): PortPool {
  const kind = `${isolation} ${timeoutMs}`;
  const pool = pools.get(kind) ?? createPortPool(isolation, timeoutMs);
  pools.set(kind, pool);
  return pool;
}

function createPortPool(isolation: Isolation, timeoutMs: number): PortPool {
  const idle = new Map<FilePort, NodeJS.Timeout>();
  return {
    acquire() {
      const [kept] = idle.keys();
      if (kept === undefined)
        return isolation === "none" ? createFileSession() : createRemotePort(isolation, timeoutMs);
      clearTimeout(idle.get(kept));
      idle.delete(kept);
      return kept;
    },
    async giveBack(port, sound) {
      if (!sound) return port.dispose();
      await port.release();
      const timer = setTimeout(() => {
        idle.delete(port);
        void port.dispose();
      }, IDLE_MS);
      timer.unref();
      idle.set(port, timer);
    },
  };
}
