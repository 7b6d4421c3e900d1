import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore, type Store } from "@strainflow/stores";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  keys,
  makeGcsBucket,
  type StoreServer,
  startGcs,
  startS3,
  withoutStores,
} from "./support/store-servers.ts";

const suite = describe.skipIf(withoutStores);

suite("stores (needs versitygw and fake-gcs-server, which Go builds)", () => {
  let s3: StoreServer;
  let gcs: StoreServer;
  let folder = "";
  const before = { ...process.env };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "strainflow-stores-"));
    process.env["AWS_ACCESS_KEY_ID"] = keys.accessKeyId;
    process.env["AWS_SECRET_ACCESS_KEY"] = keys.secretAccessKey;
    [s3, gcs] = await Promise.all([startS3("models"), startGcs()]);
    await makeGcsBucket(gcs, "models");
  });
  afterAll(async () => {
    process.env = before;
    await s3?.[Symbol.asyncDispose]();
    await gcs?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  let made = 0;
  /** The three kinds, each empty. */
  const fresh = async (): Promise<readonly Store[]> => {
    const name = `run-${++made}`;
    await mkdtemp(join(folder, "x"));
    return Promise.all([
      openStore(await mkdtemp(join(folder, `${name}-`))),
      openStore(`s3://${s3.endpoint}/models/${name}/deep`),
      openStore(`gs://${gcs.endpoint}/models/${name}/deep`),
    ]);
  };

  test("of every kind behave the same, whatever is done to them", async () => {
    const model = fc.constantFrom("net", "net.2", "ensemble", "a_b-c");
    const path = fc.constantFrom(
      "config.pbtxt",
      "1/model.onnx",
      "1/",
      "2/",
      "2/weights/part-0.bin",
      "labels.txt",
    );
    const contents = fc.oneof(fc.string({ maxLength: 20 }), fc.uint8Array({ maxLength: 300 }));
    const action = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          verb: fc.constant("put" as const),
          model,
          files: fc.dictionary(path, contents, { maxKeys: 5, noNullPrototype: true }),
        }),
      },
      { weight: 2, arbitrary: fc.record({ verb: fc.constant("remove" as const), model }) },
      {
        weight: 1,
        arbitrary: fc.record({
          verb: fc.constant("put" as const),
          model: fc.constantFrom("..", "a/b", "%2e%2e", ".x"),
          files: fc.constant({ a: "b" }),
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({
          verb: fc.constant("put" as const),
          model,
          files: fc.constantFrom(
            { "../x": "" },
            { "/etc/x": "" },
            { "1/../../x": "" },
            { "1/%2e%2e/x": "" },
            { "1/a": "x", "1/a/b": "y" },
          ),
        }),
      },
    );
    /** What can be seen of a store. */
    const view = async (store: Store) =>
      Promise.all(
        (await store.list()).map(async (name) => {
          const files = (await store.files(name)) ?? ["nothing"];
          const summary = await store.summary(name);
          return {
            name,
            files,
            contents: await Promise.all(
              files.map(async (file) =>
                Buffer.from((await store.read(name, file)) ?? "absent").toString("hex"),
              ),
            ),
            summary: files.map((file) => summary?.get(file)),
          };
        }),
      );
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 8 }), async (actions) => {
        const stores = await fresh();
        for (const one of actions) {
          const outcomes = await Promise.all(
            stores.map((store) =>
              (one.verb === "put" ? store.put(one.model, one.files) : store.remove(one.model)).then(
                () => "done",
                () => "refused",
              ),
            ),
          );
          expect(new Set(outcomes).size, `${JSON.stringify(one)}: ${outcomes}`).toBe(1);
          const [local, ...others] = await Promise.all(stores.map(view));
          for (const other of others) expect(other).toEqual(local);
        }
        for (const store of stores) {
          expect(await store.files("absent")).toBeUndefined();
          expect(await store.read("net", "3/none")).toBeUndefined();
          expect(await store.read("absent", "config.pbtxt")).toBeUndefined();
          await store.close();
        }
      }),
      { numRuns: 12 },
    );
    expect(await readdir(folder)).not.toContain("x");
  });
});
