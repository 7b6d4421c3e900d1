import { constants } from "node:fs";
import { access, mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { StrainflowError } from "@strainflow/series";

/**
 * Makes a folder for results, and those above it. Called before any work, so that nobody waits for results that cannot
 * be written.
 *
 * @throws `output-unwritable`
 */
export async function makeOutputFolder(path: string): Promise<void> {
  try {
    await make(resolve(path));
    await access(path, constants.W_OK);
  } catch (cause) {
    throw new StrainflowError(
      "output-unwritable",
      `${path} cannot be written to (${cause instanceof Error ? cause.message : String(cause)}); choose another folder with --out`,
      { cause, details: { path } },
    );
  }
}

/** Not `mkdir` with `recursive`: where a file system refuses new folders as /proc does, Node would try for ever. */
async function make(path: string): Promise<void> {
  const there = await stat(path).catch(() => undefined);
  if (there?.isDirectory() === true) return;
  if (there !== undefined) throw new Error("it is a file");
  if (dirname(path) !== path) await make(dirname(path));
  try {
    await mkdir(path);
  } catch (error) {
    // Somebody else may have made it in between.
    if (!(await stat(path).catch(() => undefined))?.isDirectory()) throw error;
  }
}
