import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { createLocalStore } from "@strainflow/repository";
import { StrainflowError } from "@strainflow/series";
import { md5Of } from "./md5.ts";
import type { FileSummary, Store } from "./store.ts";

/** Models in a folder of this machine, as a {@link Store}. */
export function createFolderStore(root: string): Store {
  const store = createLocalStore(root);
  const close = async (): Promise<void> => {};
  return {
    ...store,
    kind: "folder",
    url: root,
    async list() {
      const there = await stat(root).catch(() => undefined);
      if (there?.isDirectory() === true) return store.list();
      throw new StrainflowError("no-model", `there is no model repository at ${root}: it must be a folder`, {
        details: { path: root },
      });
    },
    async summary(model) {
      // What does not exist yet has nothing in it.
      if ((await stat(root).catch(() => undefined)) === undefined) return undefined;
      const paths = await store.files(model);
      if (paths === undefined) return undefined;
      const found = new Map<string, FileSummary>();
      for (const path of paths)
        found.set(
          path,
          path.endsWith("/")
            ? { size: 0, md5: md5Of(new Uint8Array()) }
            : await summaryOf(join(root, model, path)),
        );
      return found;
    },
    async put(model, files, { signal, onSent } = {}) {
      signal?.throwIfAborted();
      await mkdir(root, { recursive: true });
      await store.put(model, files);
      for (const [path, contents] of Object.entries(files)) onSent?.(path, contents.length);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function summaryOf(path: string): Promise<FileSummary> {
  const hash = createHash("md5");
  let size = 0;
  for await (const chunk of createReadStream(path)) {
    if (!(chunk instanceof Uint8Array)) continue;
    hash.update(chunk);
    size += chunk.length;
  }
  return { size, md5: hash.digest("hex") };
}
