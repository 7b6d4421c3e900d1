import { createRepository, type ModelRepository, repositoryOf } from "@strainflow/repository";
import { parseStoreUrl } from "@strainflow/stores";
import { makeOutputFolder } from "./output-folder.ts";
import { openStoreOf, type StoreFlags } from "./store-flags.ts";

/** Works on a repository that a flag names: a folder, which is made if it is not there, or a store. */
export async function withRepository<T>(
  url: string,
  flags: StoreFlags,
  work: (repository: ModelRepository) => Promise<T>,
): Promise<T> {
  if (parseStoreUrl(url).kind === "folder") {
    await makeOutputFolder(url);
    return work(await createRepository(url));
  }
  const store = await openStoreOf(url, flags);
  try {
    return await work(repositoryOf(store));
  } finally {
    await store.close();
  }
}
