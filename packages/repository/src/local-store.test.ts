import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { ModelConfigSchema } from "@strainflow/proto";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLocalStore } from "./local-store.ts";
import type { ModelStore } from "./model-store.ts";
import { createRepository, repositoryOf } from "./repository.ts";

let folder = "";
let root = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "strainflow-store-"));
  root = join(folder, "models");
  await mkdir(root);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const model = (name: string, contents = "one") => ({
  config: create(ModelConfigSchema, { name }),
  files: { "1/model.onnx": contents, "2/": "" },
});
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** A local store without what is optional, as a simple store has it, and one that fails at a given put. */
function plainStore(failAt = Number.POSITIVE_INFINITY): ModelStore {
  const { list, files, read, put, remove } = createLocalStore(root);
  let puts = 0;
  return {
    list,
    files,
    read,
    remove,
    async put(name, contents) {
      puts += 1;
      if (puts === failAt) throw new Error("the disk is full");
      await put(name, contents);
    },
  };
}

describe("a local store", () => {
  it("does not follow links that lead out of it, of whatever kind", async () => {
    const outside = join(folder, "outside");
    await mkdir(join(outside, "1"), { recursive: true });
    await writeFile(join(outside, "1", "secret"), "secret");
    await writeFile(join(outside, "config.pbtxt"), 'name: "linked"');
    const repository = await createRepository(root);
    await repository.add(model("fine"));
    await symlink(outside, join(root, "linked"));
    await symlink(join(outside, "1", "secret"), join(root, "fine", "1", "linked"));
    await symlink(outside, join(root, "fine", "folder"));
    expect(await repository.list()).toEqual(["fine"]);
    for (const attempt of [
      () => repository.config("linked"),
      () => repository.edit("linked", { maxBatchSize: 1 }),
      () => repository.addVersion("linked", { "model.onnx": "" }),
      () => repository.versions("linked"),
      () => repository.read("linked", "1/secret"),
      () => repository.read("fine", "1/linked"),
      () => repository.read("fine", "folder/config.pbtxt"),
    ])
      await expect(attempt()).rejects.toThrow(
        /is a link to .*, outside of the repository; put a copy in its place/,
      );
    // What replaces or removes a link leaves what it led to.
    await repository.add(model("linked"), { replace: true });
    await repository.remove("fine");
    expect(await readFile(join(outside, "1", "secret"), "utf8")).toBe("secret");
    expect(await readdir(outside)).toEqual(["1", "config.pbtxt"]);
  });

  it("has no part in what is hidden, or what Python left where it ran", async () => {
    const repository = await createRepository(root);
    await repository.add(model("net"));
    const version = join(root, "net", "1");
    await mkdir(join(version, "__pycache__"));
    await writeFile(join(version, "__pycache__", "model.cpython-311.pyc"), "");
    await writeFile(join(version, ".model.py.swp"), "");
    expect(await createLocalStore(root).files("net")).toEqual(["1/model.onnx", "2/", "config.pbtxt"]);
  });

  it("follows a link to the repository itself, and links inside it", async () => {
    await symlink(root, join(folder, "elsewhere"));
    const repository = await createRepository(join(folder, "elsewhere"));
    await repository.add(model("fine"));
    await symlink("model.onnx", join(root, "fine", "1", "latest.onnx"));
    expect(text(await repository.read("fine", "1/latest.onnx"))).toBe("one");
    expect(await repository.store.files("fine")).toEqual([
      "1/latest.onnx",
      "1/model.onnx",
      "2/",
      "config.pbtxt",
    ]);
  });

  it("takes no path that is not plainly inside, encoded ones among them", async () => {
    const repository = await createRepository(root);
    await repository.add(model("fine"));
    const hostile = fc.oneof(
      fc.constantFrom(
        "..",
        "../fine/config.pbtxt",
        "1/../../fine",
        "/etc/passwd",
        "%2e%2e/x",
        "..%2fx",
        "1//model.onnx",
        "C:\\x",
        "..\\x",
        "．．/x",
        "‥/x",
        "1/\0",
        "~/x",
      ),
      fc.string({ unit: "binary" }).filter((path) => !/^[A-Za-z0-9_][A-Za-z0-9_./-]*$/.test(path)),
    );
    await fc.assert(
      fc.asyncProperty(hostile, async (path) => {
        for (const attempt of [
          () => repository.read("fine", path),
          () => repository.read(path, "config.pbtxt"),
          () => repository.versions(path),
          () => repository.edit(path, {}),
          () => repository.addVersion("fine", { [path]: "x" }),
          () => repository.add({ ...model("new"), files: { [path]: "x" } }),
        ])
          await expect(attempt()).rejects.toMatchObject({ tag: "bad-model-name" });
      }),
      { numRuns: 60 },
    );
    expect(await readdir(folder)).toEqual(["models"]);
    expect(await readdir(root)).toEqual(["fine"]);
    expect(await repository.versions("fine")).toEqual([1, 2]);
  });
});

describe("several models at once", () => {
  it.each([
    ["a local store", () => createLocalStore(root)],
    ["a store that puts one by one", () => plainStore()],
  ])("go in together, or not at all: %s", async (_, make) => {
    const repository = repositoryOf(make());
    await repository.add([model("a"), model("b")]);
    expect(await repository.list()).toEqual(["a", "b"]);
    await expect(repository.add([model("c"), model("b")])).rejects.toMatchObject({ tag: "model-exists" });
    await expect(repository.add([model("c"), model("c")])).rejects.toThrow(/both named c/);
    // The second cannot be written: a file and a folder of one name.
    const broken = { ...model("b"), files: { "1/a": "x", "1/a/b": "y" } };
    await expect(
      repository.add([model("a", "two"), model("c"), broken], { replace: true }),
    ).rejects.toThrow();
    expect(await repository.list()).toEqual(["a", "b"]);
    expect(text(await repository.read("a", "1/model.onnx"))).toBe("one");
    expect(await repository.store.files("a")).toEqual(["1/model.onnx", "2/", "config.pbtxt"]);
    expect(await readdir(root)).toEqual(["a", "b"]);
    await repository.add([model("a", "two"), model("c")], { replace: true });
    expect(text(await repository.read("a", "1/model.onnx"))).toBe("two");
  });

  it("are taken back where a store fails half-way", async () => {
    await repositoryOf(createLocalStore(root)).add(model("a"));
    const failing = repositoryOf(plainStore(3));
    await expect(failing.add([model("a", "two"), model("b"), model("c")], { replace: true })).rejects.toThrow(
      "the disk is full",
    );
    expect(await failing.list()).toEqual(["a"]);
    expect(text(await failing.read("a", "1/model.onnx"))).toBe("one");
    expect(await failing.store.files("a")).toEqual(["1/model.onnx", "2/", "config.pbtxt"]);
  });
});

describe.each([
  ["a local store", () => createLocalStore(root)],
  ["a store that puts whole models", () => plainStore()],
])("versions and edits in %s", (_, make) => {
  it("touch nothing else of the model", async () => {
    const repository = repositoryOf(make());
    await repository.add(model("net"));
    expect(await repository.versions("net")).toEqual([1, 2]);
    expect(await repository.addVersion("net", { "model.onnx": "three", "data/x": "y" })).toBe(3);
    expect(await repository.addVersion("net", { "model.onnx": "ten" }, { version: 10 })).toBe(10);
    await expect(repository.addVersion("net", {}, { version: 3 })).rejects.toMatchObject({
      tag: "model-exists",
    });
    await expect(repository.addVersion("net", {}, { version: 0 })).rejects.toMatchObject({
      tag: "invalid-option",
    });
    await repository.addVersion("net", { "model.onnx": "new" }, { version: 3, replace: true });
    await repository.removeVersion("net", 2);
    await expect(repository.removeVersion("net", 2)).rejects.toMatchObject({ tag: "no-model" });
    expect(await repository.versions("net")).toEqual([1, 3, 10]);
    const edited = await repository.edit("net", { versionPolicy: { specific: { versions: [1, 10] } } });
    expect(await repository.config("net")).toEqual(edited);
    expect(await repository.store.files("net")).toEqual([
      "1/model.onnx",
      "10/model.onnx",
      "3/model.onnx",
      "config.pbtxt",
    ]);
    expect(text(await repository.read("net", "3/model.onnx"))).toBe("new");
    expect(await readdir(root)).toEqual(["net"]);
    await expect(repository.edit("nope", {})).rejects.toMatchObject({ tag: "no-model" });
    await expect(repository.addVersion("nope", {})).rejects.toMatchObject({ tag: "no-model" });
  });
});
