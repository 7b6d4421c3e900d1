import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { join } from "node:path";
import { inspect } from "node:util";
import { openStore } from "@strainflow/stores";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  keys,
  type StoreServer,
  type Stores,
  startS3,
  startStores,
  withoutStores,
} from "./support/store-servers.ts";

/** A certificate for 127.0.0.1 that nobody has signed, and its key. */
async function selfSigned(folder: string): Promise<readonly [cert: string, key: string]> {
  const place = await mkdtemp(join(folder, "tls-"));
  const [cert, key] = [join(place, "cert.pem"), join(place, "key.pem")] as const;
  const made = spawnSync("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
    ...["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
  ]);
  expect(made.status, String(made.stderr)).toBe(0);
  return [cert, key];
}

const suite = describe.skipIf(withoutStores);

suite("connections of stores (needs versitygw and fake-gcs-server, which Go builds)", () => {
  let stores: Stores;
  let s3: StoreServer;
  let gcs: StoreServer;
  let folder = "";
  beforeAll(async () => {
    stores = await startStores();
    ({ s3, gcs, folder } = stores);
  });
  afterAll(() => stores?.[Symbol.asyncDispose]());

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
    const [cert, key] = await selfSigned(folder);
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

  test("send Google a token that credentials were changed for, over TLS only", async () => {
    const [cert, key] = await selfSigned(folder);
    const asked: string[] = [];
    let refuse = false;
    const tokens = createHttpServer((request, response) => {
      request.resume();
      response.writeHead(refuse ? 400 : 200, { "content-type": "application/json" });
      response.end(
        refuse
          ? '{"error":"invalid_grant","error_description":"s3cretkey"}'
          : '{"access_token":"t0ken","expires_in":3600,"token_type":"Bearer","issued_token_type":"x"}',
      );
    });
    const answer = (scheme: string) => (request: IncomingMessage, response: ServerResponse) => {
      asked.push(`${scheme} ${request.headers.authorization}`);
      response.end('{"prefixes":["net/"]}');
    };
    const secure = createHttpsServer(
      { cert: await readFile(cert), key: await readFile(key) },
      answer("https"),
    );
    const plain = createHttpServer(answer("http"));
    const ports: number[] = [];
    for (const server of [tokens, secure, plain]) {
      await new Promise<void>((settle) => server.listen(0, "127.0.0.1", settle));
      const address = server.address();
      ports.push(typeof address === "object" && address !== null ? address.port : 0);
    }
    const subject = join(folder, "subject");
    await writeFile(subject, "s3cretkey");
    const file = join(folder, "identity.json");
    await writeFile(
      file,
      JSON.stringify({
        type: "external_account",
        audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/a/providers/b",
        subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
        token_url: `http://127.0.0.1:${ports[0]}/token`,
        credential_source: { file: subject },
      }),
    );
    const usual = { ...process.env };
    process.env["GOOGLE_APPLICATION_CREDENTIALS"] = file;
    try {
      const ca = await readFile(cert, "utf8");
      await using open = await openStore(`gs://http://127.0.0.1:${ports[2]}/models`);
      expect(await open.list()).toEqual(["net"]);
      await using closed = await openStore(`gs://https://127.0.0.1:${ports[1]}/models`, { ca });
      expect(await closed.list()).toEqual(["net"]);
      await using anonymous = await openStore(`gs://https://127.0.0.1:${ports[1]}/models`, {
        ca,
        anonymous: true,
      });
      await anonymous.list();
      expect(asked).toEqual(["http undefined", "https Bearer t0ken", "https undefined"]);
      refuse = true;
      await using refused = await openStore(`gs://https://127.0.0.1:${ports[1]}/models`, { ca });
      const error: unknown = await refused.list().catch((e: unknown) => e);
      expect(error).toMatchObject({ tag: "store-credentials" });
      expect(inspect(error, { depth: 20, showHidden: true })).not.toContain("s3cretkey");
    } finally {
      process.env = usual;
      for (const server of [tokens, secure, plain]) {
        server.closeAllConnections();
        server.close();
      }
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
});
