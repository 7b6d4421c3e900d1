import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createBucketStore } from "./bucket-store.ts";
import { createFolderStore } from "./folder-store.ts";
import type { Store } from "./store.ts";
import { createMemoryBucket, type MemoryBucket } from "./testing/memory-bucket.ts";
import { transferModels } from "./transfer.ts";

const storeOn = (bucket: MemoryBucket): Store =>
  createBucketStore(bucket, { kind: "s3", url: "s3://bucket/models", prefix: "models" });

const view = async (store: Store): Promise<unknown> =>
  Promise.all(
    (await store.list()).map(async (name) => ({
      name,
      files: await Promise.all(
        ((await store.files(name)) ?? []).map(async (path) => [
          path,
          Buffer.from((await store.read(name, path)) ?? []).toString(),
        ]),
      ),
    })),
  );

const path = fc.constantFrom(
  "config.pbtxt",
  "1/model.onnx",
  "1/",
  "2/",
  "2/model.onnx",
  "labels.txt",
  "3/a/b",
);
const model = fc.dictionary(path, fc.string({ maxLength: 8 }), {
  minKeys: 1,
  maxKeys: 5,
  noNullPrototype: true,
});

describe("a model in a bucket", () => {
  test("is as it was, without a trace, whichever request of a put fails", async () => {
    await fc.assert(
      fc.asyncProperty(fc.option(model, { nil: undefined }), model, async (before, after) => {
        for (let failAfter = 0; ; failAfter++) {
          const bucket = createMemoryBucket();
          const store = storeOn(bucket);
          if (before !== undefined) await store.put("net", before);
          const [was, keys] = [await view(store), [...bucket.contents.keys()].sort()];
          bucket.changes.length = 0;
          bucket.failAfter = failAfter;
          const failed = await store.put("net", after).then(
            () => false,
            () => true,
          );
          // A request that only tidies up may fail unseen; what it leaves is hidden.
          if (failed) {
            expect(await view(store)).toEqual(was);
            expect([...bucket.contents.keys()].sort()).toEqual(keys);
          } else {
            const whole = createMemoryBucket();
            await storeOn(whole).put("net", after);
            expect(await view(store)).toEqual(await view(storeOn(whole)));
            if (bucket.changes.length <= failAfter) {
              expect([...bucket.contents.keys()].sort()).toEqual([...whole.contents.keys()].sort());
              break;
            }
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  test("gets its configuration last, and loses it first", async () => {
    const bucket = createMemoryBucket();
    const store = storeOn(bucket);
    const files = { "config.pbtxt": "a", "1/model.onnx": "b", "1/weights": "c" };
    await store.put("net", files);
    expect(bucket.changes.at(-1)).toBe("put models/net/config.pbtxt");
    bucket.changes.length = 0;
    await store.put("net", { ...files, "config.pbtxt": "new", "1/model.onnx": "new" });
    const places = bucket.changes
      .filter((change) => /^copy .*\.new-/.test(change))
      .map((c) => c.split(" ")[2]);
    expect(places).toEqual(["models/net/1/model.onnx", "models/net/config.pbtxt"]);
    bucket.changes.length = 0;
    await store.remove("net");
    expect(bucket.changes[0]).toBe("remove models/net/config.pbtxt");
    expect(bucket.contents.size).toBe(0);
  });

  test("is not sent again where checksums agree", async () => {
    const bucket = createMemoryBucket();
    const store = storeOn(bucket);
    await store.put("net", { "config.pbtxt": "a", "1/model.onnx": "b", "2/": "" });
    bucket.changes.length = 0;
    const sent: string[] = [];
    await store.put(
      "net",
      { "config.pbtxt": "a", "1/model.onnx": "b", "2/": "" },
      { onSent: (p) => sent.push(p) },
    );
    expect(bucket.changes).toEqual([]);
    await store.put(
      "net",
      { "config.pbtxt": "a", "1/model.onnx": "c", "2/": "" },
      { onSent: (p) => sent.push(p) },
    );
    expect(sent).toEqual(["1/model.onnx"]);
  });

  test("says where its old files lie when it can neither be exchanged nor put back", async () => {
    const bucket = createMemoryBucket();
    const store = storeOn(bucket);
    await store.put("net", { "config.pbtxt": "a", "1/model.onnx": "b" });
    let fine = 3;
    bucket.copy = async (from, to) => {
      if (fine-- <= 0) throw new Error("gone");
      bucket.contents.set(to, bucket.contents.get(from) ?? new Uint8Array());
    };
    const error = await store
      .put("net", { "config.pbtxt": "c", "1/model.onnx": "d" })
      .catch((e: unknown) => e);
    expect(error).toMatchObject({
      tag: "store-failed",
      details: { aside: expect.stringMatching(/net\/\.old-/) },
    });
    const aside = [...bucket.contents].filter(([key]) => key.includes(".old-"));
    expect(aside.map(([key]) => key.split("/").slice(3).join("/")).sort()).toEqual([
      "1/model.onnx",
      "config.pbtxt",
    ]);
    expect(await store.files("net")).toEqual(["1/model.onnx", "config.pbtxt"]);
  });

  test("stops where it is told to, and leaves nothing", async () => {
    const bucket = createMemoryBucket();
    const store = storeOn(bucket);
    await store.put("net", { "config.pbtxt": "a" });
    await expect(store.put("net", { "config.pbtxt": "b" }, { signal: AbortSignal.abort() })).rejects.toThrow(
      /abort/,
    );
    const stop = new AbortController();
    await expect(
      store.put("net", { "config.pbtxt": "b" }, { signal: stop.signal, onSent: () => stop.abort() }),
    ).rejects.toThrow(/abort/);
    expect([...bucket.contents.keys()]).toEqual(["models/net/config.pbtxt"]);
    expect(Buffer.from((await store.read("net", "config.pbtxt")) ?? []).toString()).toBe("a");
  });

  test("never writes outside the folder that it is pulled into, whatever keys the bucket has", async () => {
    const folder = await mkdtemp(join(tmpdir(), "strainflow-pull-"));
    try {
      const path = fc.oneof(
        fc.constantFrom(
          "../../out",
          "1/../../../out",
          "//etc/out",
          "..\\out",
          "1/%2e%2e/out",
          "a/./b",
          "a\0b",
        ),
        fc.string({ minLength: 1 }).filter((text) => !/^(?:[\w][\w.-]*\/?)+$/.test(text)),
      );
      await fc.assert(
        fc.asyncProperty(path, async (key) => {
          const bucket = createMemoryBucket();
          bucket.contents.set("models/net/config.pbtxt", new Uint8Array());
          bucket.contents.set(`models/net/${key}`, Uint8Array.of(1));
          const to = createFolderStore(join(folder, "a", "models"));
          await transferModels({ from: storeOn(bucket), to }).catch((error: unknown) =>
            expect(error).toMatchObject({ tag: "bad-model-name" }),
          );
          expect(await readdir(folder)).toEqual((await readdir(folder)).includes("a") ? ["a"] : []);
          const inside = await readdir(join(folder, "a", "models", "net"), { recursive: true }).catch(
            () => [],
          );
          expect(inside.filter((name) => name !== "config.pbtxt")).toEqual([]);
        }),
        { numRuns: 80 },
      );
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  test("lies under names that are fit for one: what else is in the bucket is not listed", async () => {
    const bucket = createMemoryBucket();
    for (const key of [
      "models/.hidden/x",
      "models/-rf/x",
      "models/net/config.pbtxt",
      "other/net/x",
      "models/a b/c",
    ])
      bucket.contents.set(key, new Uint8Array());
    expect(await storeOn(bucket).list()).toEqual(["net"]);
  });
});
