import type { Bucket } from "../bucket.ts";
import { storeError } from "../errors.ts";
import { md5Of } from "../md5.ts";

export interface MemoryBucket extends Bucket {
  readonly contents: Map<string, Uint8Array>;
  /** Requests so far that change something: their kind and key. */
  readonly changes: string[];
  /** The request after so many changes fails; none by default. */
  failAfter: number;
}

/** A bucket in memory, which fails where a test says. */
export function createMemoryBucket(): MemoryBucket {
  const contents = new Map<string, Uint8Array>();
  const change = async (what: string): Promise<void> => {
    await Promise.resolve();
    bucket.changes.push(what);
    if (bucket.changes.length === bucket.failAfter + 1) throw storeError("store-failed", `${what} fails`);
  };
  const bucket: MemoryBucket = {
    contents,
    changes: [],
    failAfter: Number.POSITIVE_INFINITY,
    objects: async (prefix) =>
      [...contents]
        .filter(([key]) => key.startsWith(prefix))
        .map(([key, bytes]) => ({ key, size: bytes.length, md5: md5Of(bytes) })),
    folders: async (prefix) => [
      ...new Set(
        [...contents.keys()]
          .filter((key) => key.startsWith(prefix) && key.slice(prefix.length).includes("/"))
          .map((key) => key.slice(prefix.length).split("/")[0] ?? ""),
      ),
    ],
    get: async (key) => contents.get(key),
    async put(key, bytes) {
      await change(`put ${key}`);
      contents.set(key, bytes);
    },
    async copy(from, to) {
      await change(`copy ${from} ${to}`);
      const bytes = contents.get(from);
      if (bytes === undefined) throw storeError("store-failed", `${from} is not there`);
      contents.set(to, bytes);
    },
    async remove(key) {
      await change(`remove ${key}`);
      contents.delete(key);
    },
    close: async () => {},
  };
  return bucket;
}
