import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { openStore, type Store, transferModels } from "@strainflow/stores";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { keys, type StoreServer, type Stores, startStores, withoutStores } from "./support/store-servers.ts";

const bin = resolve(import.meta.dirname, "../packages/cli/bin/strainflow.js");
const built = existsSync(resolve(import.meta.dirname, "../packages/cli/dist/main.js"));

function command(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [bin, "model", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((settle) => child.on("close", (code) => settle({ code, stdout, stderr })));
}

const suite = describe.skipIf(withoutStores);

suite("stores (needs versitygw and fake-gcs-server, which Go builds)", () => {
  let stores: Stores;
  let s3: StoreServer;
  let gcs: StoreServer;
  let folder = "";
  beforeAll(async () => {
    stores = await startStores();
    ({ s3, gcs, folder } = stores);
  });
  afterAll(() => stores?.[Symbol.asyncDispose]());

  let made = 0;
  /** The three kinds, each empty. */
  const fresh = async (): Promise<readonly Store[]> => {
    const name = `run-${++made}`;
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
  });

  test("carry models there and back: the same bytes, ensembles with their parts, nothing sent twice", async () => {
    const [local, inS3, inGcs] = await fresh();
    const ensemble = 'name: "stream" platform: "ensemble" ensemble_scheduling { step { model_name: "net" } }';
    const big = randomBytes(3 << 20);
    await local!.put("net", { "config.pbtxt": 'name: "net"', "1/model.onnx": big, "1/weights/part-0": "w" });
    await local!.put("stream", { "config.pbtxt": ensemble, "1/": "" });
    await local!.put("other", { "config.pbtxt": "" });
    for (const remote of [inS3!, inGcs!]) {
      const trial = await transferModels({ from: local!, to: remote, dryRun: true });
      expect(trial.map(({ model, differs }) => [model, differs])).toEqual([
        ["net", true],
        ["other", true],
        ["stream", true],
      ]);
      expect(await remote.list()).toEqual([]);
      const sent: string[] = [];
      const onSent = (model: string, path: string): number => sent.push(`${model}/${path}`);
      const done = await transferModels({ from: local!, to: remote, models: ["stream"], onSent });
      expect(done.map(({ model }) => model)).toEqual(["net", "stream"]);
      expect(sent.sort()).toEqual([
        "net/1/model.onnx",
        "net/1/weights/part-0",
        "net/config.pbtxt",
        "stream/1/",
        "stream/config.pbtxt",
      ]);
      sent.length = 0;
      expect(
        (await transferModels({ from: local!, to: remote, models: ["stream"], onSent })).map(
          (t) => t.differs,
        ),
      ).toEqual([false, false]);
      await local!.put("net", { "config.pbtxt": 'name: "net"', "1/model.onnx": big, "2/model.onnx": "2" });
      const [change] = await transferModels({ from: local!, to: remote, models: ["net"], onSent });
      expect(change!.files.map(({ path, action }) => `${action} ${path}`)).toEqual([
        "same 1/model.onnx",
        "removed 1/weights/part-0",
        "new 2/model.onnx",
        "same config.pbtxt",
      ]);
      expect(sent).toEqual(["net/2/model.onnx"]);

      const back = await openStore(join(folder, `back-${remote.kind}`));
      await transferModels({ from: remote, to: back });
      expect(await back.files("stream")).toEqual(["1/", "config.pbtxt"]);
      expect(Buffer.compare((await back.read("net", "1/model.onnx"))!, big)).toBe(0);
      expect(await back.files("net")).toEqual(["1/model.onnx", "2/model.onnx", "config.pbtxt"]);
      await local!.put("net", {
        "config.pbtxt": 'name: "net"',
        "1/model.onnx": big,
        "1/weights/part-0": "w",
      });
      await expect(transferModels({ from: remote, to: back, models: ["nope"] })).rejects.toMatchObject({
        tag: "no-model",
      });
      await remote.close();
    }
  });

  test("never let a key of a bucket write outside the folder that it is pulled into", async () => {
    for (const key of ["evil/1/a b", "evil/-rf", "evil/1/a\\..\\b"]) {
      const name = `hostile-${++made}`;
      const bucket = `${gcs.endpoint}/upload/storage/v1/b/models/o`;
      await fetch(`${bucket}?uploadType=media&name=${encodeURIComponent(`${name}/${key}`)}`, {
        method: "POST",
        body: "x",
      });
      await using from = await openStore(`gs://${gcs.endpoint}/models/${name}`);
      const to = await openStore(join(folder, name, "repository"));
      await expect(transferModels({ from, to })).rejects.toMatchObject({ tag: "bad-model-name" });
      await expect(readdir(join(folder, name))).rejects.toThrow(/ENOENT/);
    }
  });

  test.skipIf(!built)(
    "are what `strainflow model push`, `list` and `pull` work on",
    async () => {
      const models = join(folder, "command");
      const local = await openStore(models);
      await local.put("net", {
        "config.pbtxt": 'name: "net"',
        "1/model.onnx": "weights",
        "3/model.onnx": "w",
      });
      for (const url of [`s3://${s3.endpoint}/models/command`, `gs://${gcs.endpoint}/models/command`]) {
        if (url.startsWith("s3")) {
          const dry = await command("push", models, url, "--dry-run");
          expect(dry.stdout).toContain("+ net");
          const empty = await command("list", url);
          expect([empty.code, empty.stderr]).toEqual([4, expect.stringContaining("holds no models")]);
        }
        expect((await command("push", models, url)).stdout).toMatch(/sent {8}1 of 1 models, 19 B/);
        if (url.startsWith("s3")) {
          expect((await command("push", models, url)).stdout).toMatch(/= net\n {2}sent {8}0 of 1 models/);
          expect((await command("list", url)).stdout).toMatch(/net +1, 3 +3 +19 B/);
        }
        const back = join(folder, `command-back-${url.slice(0, 2)}`);
        const { stdout } = await command("pull", url, back, "net", "--json");
        expect(
          stdout
            .trim()
            .split("\n")
            .map((line) => JSON.parse(line)),
        ).toMatchObject([
          { type: "model", model: "net", differs: true },
          { type: "transferred", models: 1, changed: 1, bytes: 19 },
        ]);
        expect(await readFile(join(back, "net/1/model.onnx"), "utf8")).toBe("weights");
      }
      const wrong = await command("push", models, `s3://${s3.endpoint}/no-such-bucket`);
      expect([wrong.code, wrong.stderr]).toEqual([
        4,
        expect.stringMatching(/✗ s3:.*no such bucket.*\[no-bucket\]\n$/),
      ]);
      expect(wrong.stderr + wrong.stdout).not.toContain(keys.secretAccessKey);
    },
    180_000,
  );
});
