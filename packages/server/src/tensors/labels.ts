import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { ModelFolder } from "../models/model-folder.ts";
import { notLoadable } from "../models/model-spec.ts";
import type { Labels } from "./classify.ts";

/** The names of outputs' classes, one to a line of each `label_filename`. @throws `model-not-loadable` */
export async function readLabels({ name, path, config }: ModelFolder): Promise<Labels> {
  const labels = new Map<string, readonly string[]>();
  for (const { name: output, labelFilename: file } of config.output) {
    if (file === "") continue;
    if (basename(file) !== file || file === "..")
      throw notLoadable(
        name,
        `label_filename '${file}' of output '${output}' is not the name of a file beside config.pbtxt`,
      );
    const text = await readFile(join(path, file), "utf8").catch((cause: unknown) => {
      throw notLoadable(name, `label_filename '${file}' of output '${output}' cannot be read`, cause);
    });
    labels.set(output, text.replace(/\r?\n$/, "").split(/\r?\n/));
  }
  return labels;
}
