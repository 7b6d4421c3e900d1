import { rmdir, stat } from "node:fs/promises";
import { createRepository, type ModelRepository, openRepository, repositoryOf } from "@strainflow/repository";
import { parseStoreUrl } from "@strainflow/stores";
import { makeOutputFolder } from "./output-folder.ts";
import { openStoreOf, type StoreFlags } from "./store-flags.ts";

type Work<T> = (repository: ModelRepository) => Promise<T>;

/**
 * Writes to a repository that a flag names: a folder, which is made if it is not there, or a store. A folder that was
 * made for nothing is taken away again.
 */
export async function withRepository<T>(url: string, flags: StoreFlags, work: Work<T>): Promise<T> {
  if (parseStoreUrl(url).kind !== "folder") return withStore(url, flags, work);
  const isNew = (await stat(url).catch(() => undefined)) === undefined;
  await makeOutputFolder(url);
  try {
    return await work(await createRepository(url));
  } catch (error) {
    // What is not empty stays: it may be somebody else's by now.
    if (isNew) await rmdir(url).catch(() => undefined);
    throw error;
  }
}

/** Reads a repository that an argument names: a folder, or a store. @throws `no-model` where there is none */
export async function readRepository<T>(url: string, flags: StoreFlags, work: Work<T>): Promise<T> {
  return parseStoreUrl(url).kind === "folder" ? work(await openRepository(url)) : withStore(url, flags, work);
}

async function withStore<T>(url: string, flags: StoreFlags, work: Work<T>): Promise<T> {
  const store = await openStoreOf(url, flags);
  try {
    return await work(repositoryOf(store));
  } finally {
    await store.close();
  }
}
