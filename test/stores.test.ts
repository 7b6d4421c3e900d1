import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { inspect } from "node:util";
import { openStore, type Store, transferModels } from "@strainflow/stores";
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

  test("say what is wrong, and never tell a secret", async () => {
    const closed = "127.0.0.1:9";
    const wrong = { AWS_SECRET_ACCESS_KEY: "wr0ng/secret", AWS_ACCESS_KEY_ID: keys.accessKeyId };
    const stranger = { AWS_SECRET_ACCESS_KEY: "wr0ng/secret", AWS_ACCESS_KEY_ID: "AKNOBODY" };
    const nobody = {
      AWS_ACCESS_KEY_ID: undefined,
      AWS_SECRET_ACCESS_KEY: undefined,
      AWS_SHARED_CREDENTIALS_FILE: "/nowhere",
      AWS_CONFIG_FILE: "/nowhere",
    };
    const broken = join(folder, "broken.json");
    await writeFile(broken, '{"private_key": "-----BEGIN s3cretkey');
    const cases: readonly (readonly [string, Record<string, string | undefined>, string])[] = [
      [`s3://${s3.endpoint}/models`, wrong, "store-denied"],
      [`s3://${s3.endpoint}/models`, stranger, "store-denied"],
      [`s3://${s3.endpoint}/models`, nobody, "store-credentials"],
      [`s3://${s3.endpoint}/no-such-bucket`, {}, "no-bucket"],
      [`s3://http://${closed}/models`, {}, "store-unreachable"],
      [`gs://${gcs.endpoint}/no-such-bucket`, {}, "no-bucket"],
      [`gs://http://${closed}/models`, {}, "store-unreachable"],
      ["gs://models", { GOOGLE_APPLICATION_CREDENTIALS: broken }, "store-credentials"],
      ["gs://models", { GOOGLE_APPLICATION_CREDENTIALS: join(folder, "none.json") }, "store-credentials"],
      ["gs://models", { CLOUDSDK_CONFIG: folder, HOME: folder }, "store-credentials"],
    ];
    for (const [url, env, tag] of cases) {
      const usual = { ...process.env };
      Object.assign(process.env, env);
      for (const [name, value] of Object.entries(env)) if (value === undefined) delete process.env[name];
      try {
        await using store = await openStore(url);
        for (const attempt of [() => store.list(), () => store.put("net", { "config.pbtxt": "x" })]) {
          const error: unknown = await attempt().catch((e: unknown) => e);
          expect(error, url).toMatchObject({ tag });
          expect(String(error), url).toContain(url);
          const all = inspect(error, { depth: 20, showHidden: true });
          for (const secret of [keys.secretAccessKey, "wr0ng", "s3cretkey", "Signature="])
            expect(all, url).not.toContain(secret);
        }
      } finally {
        process.env = usual;
      }
    }
  });

  test("are reached with a profile of the shared files, over TLS with an authority of one's own", async () => {
    const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
    const made = spawnSync("openssl", [
      ...[
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
      ],
      ...["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
    ]);
    expect(made.status, String(made.stderr)).toBe(0);
    await using server = await startS3("models", { cert, key });
    const files = join(folder, "credentials");
    await writeFile(
      files,
      `[lab]\naws_access_key_id = ${keys.accessKeyId}\naws_secret_access_key = ${keys.secretAccessKey}\n`,
    );
    const usual = { ...process.env };
    delete process.env["AWS_ACCESS_KEY_ID"];
    delete process.env["AWS_SECRET_ACCESS_KEY"];
    Object.assign(process.env, { AWS_SHARED_CREDENTIALS_FILE: files, AWS_PROFILE: "lab" });
    try {
      const url = `s3://${server.endpoint}/models/tls`;
      await using trusted = await openStore(url, { ca: await readFile(cert, "utf8") });
      await trusted.put("net", { "config.pbtxt": "x" });
      expect(await trusted.list()).toEqual(["net"]);
      await using untrusted = await openStore(url);
      await expect(untrusted.list()).rejects.toMatchObject({ tag: "store-unreachable" });
    } finally {
      process.env = usual;
    }
  });

  test("notice a server that dies or goes silent, and leave nothing hanging", async () => {
    const server = await startS3("models");
    const store = await openStore(`s3://${server.endpoint}/models/a`, { idleTimeoutMs: 700 });
    await store.put("net", { "config.pbtxt": "x" });
    server.child.kill("SIGSTOP");
    await expect(store.list()).rejects.toMatchObject({ tag: "store-unreachable" });
    server.child.kill("SIGCONT");
    expect(await store.list()).toEqual(["net"]);
    await server[Symbol.asyncDispose]();
    await expect(store.put("net", { "config.pbtxt": "y" })).rejects.toMatchObject({
      tag: "store-unreachable",
    });
    await store.close();
  });

  test.skipIf(!built)("are what `strainflow model push`, `list` and `pull` work on", async () => {
    const models = join(folder, "command");
    const local = await openStore(models);
    await local.put("net", { "config.pbtxt": 'name: "net"', "1/model.onnx": "weights", "3/model.onnx": "w" });
    for (const url of [`s3://${s3.endpoint}/models/command`, `gs://${gcs.endpoint}/models/command`]) {
      const dry = await command("push", models, url, "--dry-run");
      expect(dry.stdout).toContain("+ net");
      const empty = await command("list", url);
      expect([empty.code, empty.stderr]).toEqual([4, expect.stringContaining("holds no models")]);
      expect((await command("push", models, url)).stdout).toMatch(/sent {8}1 of 1 models, 19 B/);
      expect((await command("push", models, url)).stdout).toMatch(/= net\n {2}sent {8}0 of 1 models/);
      expect((await command("list", url)).stdout).toMatch(/net +1, 3 +3 +19 B/);
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
  });
});
