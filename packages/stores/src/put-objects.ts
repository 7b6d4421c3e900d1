import type { Bucket, ObjectFacts } from "./bucket.ts";
import { storeError } from "./errors.ts";
import { eachLimited } from "./limited.ts";
import type { PutOptions } from "./store.ts";

/**
 * A model that is to take its place in a bucket. Object stores have no rename, so what stands in for it is an order:
 * a server that looks in between finds no configuration, or files of one side only for as long as copies inside the
 * store take.
 */
export interface Exchange {
  readonly bucket: Bucket;
  /** The model's folder, with its slash. */
  readonly start: string;
  /** By path in that folder. */
  readonly wanted: ReadonlyMap<string, { readonly contents: Uint8Array; readonly md5: string }>;
  readonly there: ReadonlyMap<string, ObjectFacts>;
  readonly atOnce: number;
  readonly options: PutOptions;
}

const CONFIG = "config.pbtxt";

/** Uploads a model that was not there, its configuration last; what was uploaded is removed where it fails. */
export async function putFresh({ bucket, start, wanted, atOnce, options }: Exchange): Promise<void> {
  const send = async (path: string): Promise<void> => {
    const { contents, md5 } = wanted.get(path)!;
    await bucket.put(start + path, contents, md5, options.signal);
    options.onSent?.(path, contents.length);
  };
  const paths = [...wanted.keys()];
  try {
    await eachLimited(
      paths.filter((path) => path !== CONFIG),
      atOnce,
      send,
    );
    if (wanted.has(CONFIG)) await send(CONFIG);
  } catch (error) {
    await eachLimited([CONFIG, ...paths], atOnce, (path) => bucket.remove(start + path)).catch(() => {
      // The first failure is the one to tell; without a configuration what is left is no model.
    });
    throw error;
  }
}

/**
 * Exchanges a model for another: what differs is uploaded beside it, under a hidden name; then what it replaces is put
 * aside; then it is copied into place, the configuration last. Where that fails, what was there is copied back.
 */
export async function putInPlace(exchange: Exchange & { readonly mark: string }): Promise<void> {
  const { bucket, start, wanted, there, atOnce, options, mark } = exchange;
  const fresh = `${start}.new-${mark}/`;
  const old = `${start}.old-${mark}/`;
  const changed = [...wanted].filter(([path, { contents, md5 }]) => {
    const now = there.get(path);
    return now === undefined || now.md5 !== md5 || now.size !== contents.length;
  });
  const stale = [...there.keys()].filter((path) => !wanted.has(path));
  const replaced = [...changed.map(([path]) => path).filter((path) => there.has(path)), ...stale];
  // A folder's own object, which cannot be copied under a file's name everywhere, has no contents to put aside.
  const kept = replaced.filter((path) => path !== "" && !path.endsWith("/"));
  const aside = [...changed.map(([path]) => fresh + path), ...kept.map((path) => old + path)];
  const tidy = (): Promise<void> =>
    eachLimited(aside, atOnce, (key) => bucket.remove(key)).catch(() => {
      // What is left is hidden, and goes when the model is removed.
    });
  const files = changed.filter(([path]) => path !== "" && !path.endsWith("/"));

  try {
    await eachLimited(files, atOnce, async ([path, { contents, md5 }]) => {
      await bucket.put(fresh + path, contents, md5, options.signal);
      options.onSent?.(path, contents.length);
    });
    await eachLimited(kept, atOnce, (path) => bucket.copy(start + path, old + path));
    options.signal?.throwIfAborted();
  } catch (error) {
    await tidy();
    throw error;
  }

  const place = async ([path, { contents, md5 }]: (typeof changed)[number]): Promise<void> =>
    path === "" || path.endsWith("/")
      ? bucket.put(start + path, contents, md5)
      : bucket.copy(fresh + path, start + path);
  try {
    await eachLimited(
      changed.filter(([path]) => path !== CONFIG),
      atOnce,
      place,
    );
    for (const one of changed) if (one[0] === CONFIG) await place(one);
    await eachLimited(stale, atOnce, (path) => bucket.remove(start + path));
  } catch (error) {
    await takeBack(exchange, kept, old, changed, replaced);
    await tidy();
    throw error;
  }
  await tidy();
}

async function takeBack(
  { bucket, start, there, atOnce }: Exchange,
  kept: readonly string[],
  old: string,
  changed: Exchange["wanted"] extends ReadonlyMap<infer K, infer V> ? readonly (readonly [K, V])[] : never,
  replaced: readonly string[],
): Promise<void> {
  try {
    await eachLimited(kept, atOnce, (path) => bucket.copy(old + path, start + path));
    await eachLimited(
      replaced.filter((path) => !kept.includes(path)),
      atOnce,
      (path) => bucket.put(start + path, new Uint8Array(), "d41d8cd98f00b204e9800998ecf8427e"),
    );
    await eachLimited(
      changed.filter(([path]) => !there.has(path)),
      atOnce,
      ([path]) => bucket.remove(start + path),
    );
  } catch {
    throw storeError(
      "store-failed",
      `the store failed while ${start} was exchanged, and again while that was taken back: it may hold files of both. ` +
        `Put the model again; what it was lies under ${old}`,
      { folder: start, aside: old },
    );
  }
}
