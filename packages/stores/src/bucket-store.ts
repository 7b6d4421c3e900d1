import { randomUUID } from "node:crypto";
import { checkModelName, checkModelPath, type ModelFiles } from "@strainflow/repository";
import { isStrainflowError, StrainflowError } from "@strainflow/series";
import type { Bucket, ObjectFacts } from "./bucket.ts";
import { eachLimited } from "./limited.ts";
import { md5Of } from "./md5.ts";
import { putFresh, putInPlace } from "./put-objects.ts";
import type { FileSummary, Store } from "./store.ts";

/** Requests under way at a time. */
const AT_ONCE = 4;

/**
 * Models in a bucket, under `<prefix>/<model>/<path>`.
 *
 * An empty folder, which an ensemble needs as its version, is an object without contents whose key ends in `/`: Triton
 * takes any key below a folder, also that one, for the folder's being there.
 */
export function createBucketStore(
  bucket: Bucket,
  { kind, url, prefix }: { readonly kind: Store["kind"]; readonly url: string; readonly prefix: string },
): Store {
  const root = prefix === "" ? "" : `${prefix}/`;
  const folder = (model: string): string => `${root}${checkModelName(model)}/`;
  const objectsOf = async (model: string): Promise<ReadonlyMap<string, ObjectFacts>> => {
    const start = folder(model);
    return new Map((await bucket.objects(start)).map((object) => [object.key.slice(start.length), object]));
  };

  const summary = async (model: string): Promise<ReadonlyMap<string, FileSummary> | undefined> => {
    const visible = [...(await objectsOf(model))].filter(([path]) => !isHidden(path));
    if (visible.length === 0) return undefined;
    const paths = visible.map(([path]) => path);
    const isEmptyFolder = (path: string): boolean =>
      path !== "" && !paths.some((other) => other !== path && other.startsWith(path));
    return new Map(
      visible
        .filter(([path]) => (path === "" || path.endsWith("/") ? isEmptyFolder(path) : true))
        .map(([path, { size, md5 }]) => [path, { size, ...(md5 === undefined ? {} : { md5 }) }]),
    );
  };

  return {
    kind,
    url,
    summary,

    async list() {
      return (await bucket.folders(root)).filter(isModelName).sort();
    },

    async files(model) {
      const found = await summary(model);
      return found === undefined ? undefined : [...found.keys()].sort();
    },

    async read(model, path) {
      checkModelPath(path);
      return path.endsWith("/") ? undefined : bucket.get(`${folder(model)}${path}`);
    },

    async put(model, files, options = {}) {
      const start = folder(model);
      const wanted = new Map(
        [...settled(model, files)].map(([path, contents]) => [path, { contents, md5: md5Of(contents) }]),
      );
      const there = await objectsOf(model);
      options.signal?.throwIfAborted();
      const visible = new Map([...there].filter(([path]) => !isHidden(path)));
      const exchange = { bucket, start, wanted, there: visible, atOnce: AT_ONCE, options };
      if (visible.size === 0) await putFresh(exchange);
      else await putInPlace({ ...exchange, mark: randomUUID() });
    },

    async remove(model) {
      const start = folder(model);
      const paths = [...(await objectsOf(model)).keys()];
      // Without its configuration it is no model any more, whatever happens next.
      if (paths.includes("config.pbtxt")) await bucket.remove(`${start}config.pbtxt`);
      await eachLimited(paths, AT_ONCE, (path) => bucket.remove(start + path));
    },

    close: () => bucket.close(),
    [Symbol.asyncDispose]: () => bucket.close(),
  };
}

/** What is being put, what was put aside: no part of a model. */
function isHidden(path: string): boolean {
  return path.split("/").some((part) => part.startsWith("."));
}

function isModelName(name: string): boolean {
  try {
    checkModelName(name);
    return true;
  } catch (error) {
    if (isStrainflowError(error)) return false;
    throw error;
  }
}

/** The objects that stand for a set of files: checked, without folders that are not empty. */
function settled(model: string, files: ModelFiles): ReadonlyMap<string, Uint8Array> {
  const paths = Object.keys(files).map(checkModelPath);
  for (const path of paths)
    if (!path.endsWith("/") && paths.some((other) => other.startsWith(`${path}/`)))
      throw new StrainflowError(
        "bad-model-name",
        `model ${model} has ${path} as a file and as a folder; give one of them another name`,
        { details: { modelName: model, path } },
      );
  const kept = Object.entries(files).filter(
    ([path]) => !path.endsWith("/") || !paths.some((other) => other !== path && other.startsWith(path)),
  );
  // A model without files is its folder.
  if (kept.length === 0) return new Map([["", new Uint8Array()]]);
  const encoder = new TextEncoder();
  return new Map(
    kept.map(([path, contents]) => [
      path,
      path.endsWith("/")
        ? new Uint8Array()
        : typeof contents === "string"
          ? encoder.encode(contents)
          : contents,
    ]),
  );
}
