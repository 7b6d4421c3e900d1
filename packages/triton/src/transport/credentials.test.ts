import { ServerCredentials } from "@grpc/grpc-js";
import { afterEach, describe, expect, it } from "vitest";
import { type ConnectOptions, connect } from "../connect.ts";
import { createAuthority, hasOpenssl } from "../testing/authority.ts";
import { startFakeHttpServer } from "../testing/fake-http-server.ts";
import { startFakeServer } from "../testing/fake-server.ts";
import { recorder } from "../testing/stream-under-test.ts";
import { TRANSPORTS } from "./transport.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

const X = { x: { datatype: "FP32", shape: [1], data: Float32Array.of(1) } } as const;

const WAYS: readonly [string, "grpc" | "http", ConnectOptions][] = [
  ["grpc-js", "grpc", { transport: "grpc-js" }],
  ["frames", "grpc", { transport: "frames" }],
  ["http", "http", {}],
];

describe.skipIf(!hasOpenssl && process.env["STRAINFLOW_REQUIRE"] !== "all").each(WAYS)(
  "TLS over %s (certificates by openssl)",
  (_, protocol, options) => {
    const authority = hasOpenssl ? createAuthority() : undefined;
    const ours = authority?.issue("client");
    const pem = (text: string | undefined): Uint8Array => Buffer.from(text ?? "");

    /** A server that takes only those whom the authority vouches for. */
    async function mutual(name: string): Promise<string> {
      const { cert, key } = authority!.issue(name);
      const ca = pem(authority?.cert);
      const server =
        protocol === "grpc"
          ? await startFakeServer({
              credentials: ServerCredentials.createSsl(
                Buffer.from(ca),
                [{ private_key: Buffer.from(key), cert_chain: Buffer.from(cert) }],
                true,
              ),
            })
          : await startFakeHttpServer((_path, _body, response) => response.end("{}"), {
              cert,
              key,
              ca: Buffer.from(ca),
              requestCert: true,
              rejectUnauthorized: true,
            });
      cleanups.push(server.kill);
      return server.address.replace(/^(https:\/\/)?/, protocol === "grpc" ? "grpcs://" : "https://");
    }

    async function greeted(address: string, more: ConnectOptions): Promise<string> {
      const client = await connect(address, {
        ...options,
        rootCertificates: pem(authority?.cert),
        waitMs: 700,
        ...more,
      });
      cleanups.push(() => client.close());
      if (protocol === "grpc") expect((await client.infer("m", { id: "1", inputs: X })).id).toBe("1");
      return client.server.name;
    }

    const identity = { clientCertificate: pem(ours?.cert), clientKey: pem(ours?.key) };

    it("shows our own certificate to a server that asks for it, and is turned away without one", async () => {
      const address = await mutual("127.0.0.1");
      expect(await greeted(address, identity)).toBe("fake");
      await expect(greeted(address, {})).rejects.toMatchObject({ tag: "server-unavailable" });
    });

    it("takes a server under the name that was given for it, and under no other", async () => {
      const address = await mutual("triton.example");
      expect(await greeted(address, { ...identity, serverName: "triton.example" })).toBe("fake");
      await expect(greeted(address, { ...identity, waitMs: 60_000 })).rejects.toMatchObject({
        tag: "server-untrusted",
        message: expect.stringMatching(/altnames.*give the name that it has as serverName/),
      });
    });

    it("does not wait for a server whose certificate nobody vouches for", async () => {
      const address = await mutual("127.0.0.1");
      const stranger = createAuthority();
      const rootCertificates = pem(stranger.cert);
      await expect(greeted(address, { ...identity, rootCertificates, waitMs: 60_000 })).rejects.toMatchObject(
        {
          tag: "server-untrusted",
          message: expect.stringMatching(
            /not trusted .*give the authority that signed it as rootCertificates/,
          ),
        },
      );
    });
  },
);

describe.each(WAYS)("credentials over %s", (_, protocol, options) => {
  async function started() {
    if (protocol === "grpc") {
      const server = await startFakeServer();
      cleanups.push(server.kill);
      return { address: server.address, seen: () => server.authorizations };
    }
    const server = await startFakeHttpServer((_path, _body, response) =>
      response.end('{"id":"1","model_name":"m","model_version":"1","outputs":[]}'),
    );
    cleanups.push(server.kill);
    return {
      address: server.address,
      seen: () => server.requests.map(({ headers }) => headers.authorization ?? ""),
    };
  }

  it("carries a token, and the token of now where it changes", async () => {
    const { address, seen } = await started();
    const fixed = await connect(address, { ...options, bearerToken: "abc" });
    cleanups.push(() => fixed.close());
    expect(new Set(seen())).toEqual(new Set(["Bearer abc"]));
    let issued = 0;
    const renewed = await connect(address, { ...options, bearerToken: async () => `t${++issued}` });
    cleanups.push(() => renewed.close());
    const before = issued;
    await renewed.infer("m", { id: "1", inputs: X });
    await renewed.infer("m", { id: "2", inputs: X });
    expect(seen().slice(-2)).toEqual([`Bearer t${before + 1}`, `Bearer t${before + 2}`]);
  });

  it("carries the headers of the client, and those of a call over them", async () => {
    const { address, seen } = await started();
    const client = await connect(address, { ...options, headers: { authorization: "Basic one" } });
    cleanups.push(() => client.close());
    expect(seen().at(-1)).toBe("Basic one");
    await client.infer("m", { id: "1", inputs: X }, { headers: { authorization: "Basic two" } });
    expect(seen().at(-1)).toBe("Basic two");
  });

  it("fails where no token can be had", async () => {
    const { address } = await started();
    const bearerToken = (): string => {
      throw new Error("the token service is away");
    };
    await expect(connect(address, { ...options, bearerToken, waitMs: 50 })).rejects.toMatchObject({
      tag: "server-unavailable",
      message: expect.stringContaining("the token service is away"),
    });
  });

  it("refuses half of an identity", async () => {
    const { address } = await started();
    await expect(connect(address, { ...options, clientKey: new Uint8Array(1) })).rejects.toMatchObject({
      tag: "invalid-option",
      message: expect.stringContaining("clientCertificate"),
    });
  });
});

describe("a stream", () => {
  it.each(TRANSPORTS)("over %s carries the token of the moment at which it is opened", async (transport) => {
    const server = await startFakeServer({
      models: { m: { metadata: { name: "m", versions: ["1"] }, config: { name: "m" } } },
    });
    cleanups.push(server.kill);
    let issued = 0;
    const client = await connect(server.address, { transport, bearerToken: () => `t${++issued}` });
    cleanups.push(() => client.close());
    const model = await client.servedModel("m");
    const told = recorder();
    const before = issued;
    const call = model.open(told.listener);
    call.send({ id: "1", inputs: X });
    await told.until(() => told.responses.length === 1);
    expect(server.authorizations.at(-1)).toBe(`Bearer t${before + 1}`);
    call.cancel();
  });
});
