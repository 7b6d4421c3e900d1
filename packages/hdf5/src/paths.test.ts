import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { expandPaths } from "./paths.ts";

const folder = mkdtempSync(join(tmpdir(), "strainflow-hdf5-"));
mkdirSync(join(folder, "a/b"), { recursive: true });
for (const name of [
  "H1-1.h5",
  "H1-2.h5",
  "L1-1.hdf5",
  ".H1-3.h5",
  "a/H1-4.h5",
  "a/b/H1-5.h5",
  "odd[1].h5",
  "a.h5x",
])
  writeFileSync(join(folder, name), "");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function expand(...patterns: string[]): Promise<string[]> {
  return (await expandPaths(patterns.map((pattern) => join(folder, pattern)))).map((path) =>
    relative(folder, path),
  );
}

describe("globs", () => {
  it.each([
    ["H1-*.h5", ["H1-1.h5", "H1-2.h5"]],
    ["H1-?.h5", ["H1-1.h5", "H1-2.h5"]],
    ["*.{h5,hdf5}", ["H1-1.h5", "H1-2.h5", "L1-1.hdf5", "odd[1].h5"]],
    ["*/H1*.h5", ["a/H1-4.h5"]],
    ["**/H1*.h5", ["H1-1.h5", "H1-2.h5", "a/H1-4.h5", "a/b/H1-5.h5"]],
    ["odd[1].h5", ["odd[1].h5"]],
  ])("%s", async (pattern, expected) => {
    expect(await expand(pattern)).toEqual(expected);
  });

  it("name each file once, in order, and take URLs", async () => {
    expect(await expand("L1-1.hdf5", "H1-1.h5", "H1-*.h5")).toEqual(["H1-1.h5", "H1-2.h5", "L1-1.hdf5"]);
    expect(await expandPaths(pathToFileURL(join(folder, "H1-1.h5")).href)).toEqual([join(folder, "H1-1.h5")]);
  });

  it("without a match are an error, and so is nothing at all", async () => {
    await expect(expand("V1-*.h5")).rejects.toMatchObject({ tag: "file-not-found" });
    await expect(expandPaths([])).rejects.toMatchObject({ tag: "file-not-found" });
  });
});
