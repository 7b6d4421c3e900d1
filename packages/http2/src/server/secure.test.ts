import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeFields } from "./encode-fields.ts";
import { type Http2Server, serveHttp2 } from "./listen.ts";

const FOUND = encodeFields([[":status", "200"]]);

describe("over TLS", () => {
  let folder: string;
  let server: Http2Server;
  const released: number[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "strainflow-tls-"));
    const [key, cert] = [join(folder, "key"), join(folder, "cert")];
    const made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost";
    execFileSync("openssl", [...made.split(" "), "-keyout", key, "-out", cert], { stdio: "ignore" });
    server = await serveHttp2({
      host: "127.0.0.1",
      port: 0,
      tls: { key: await readFile(key), cert: await readFile(cert) },
      maxConnections: 10,
      onReleased: ({ length }) => released.push(length),
      onRequest: (_, stream) => {
        stream.respond(FOUND);
        return {
          data: (bytes) => stream.write(bytes),
          ended: () => stream.end(),
          drained: () => undefined,
          lost: () => undefined,
        };
      },
    });
  });
  afterAll(async () => {
    server?.close();
    await rm(folder, { recursive: true });
  });

  it("bytes come back as they were sent, and their memory is given back", async () => {
    const session = connect(`https://127.0.0.1:${server.port}`, { rejectUnauthorized: false });
    const body = Buffer.from(Uint8Array.from({ length: 3_000_000 }, (_, at) => at * 7));
    const stream = session.request({ ":method": "POST" });
    const parts: Buffer[] = [];
    stream.on("data", (part: Buffer) => parts.push(part));
    stream.end(body);
    await once(stream, "close");
    expect(Buffer.concat(parts).equals(body)).toBe(true);
    const all = (): number => released.reduce((sum, size) => sum + size, 0);
    await expect.poll(all, { timeout: 5000 }).toBe(body.length);
    session.close();
  });

  it.each([[["http/1.1"]], [undefined]])("who agrees on no HTTP/2 is not served: %j", async (protocols) => {
    const socket = connectTls({
      host: "127.0.0.1",
      port: server.port,
      rejectUnauthorized: false,
      ...(protocols === undefined ? {} : { ALPNProtocols: protocols }),
    });
    const said: Buffer[] = [];
    socket.on("data", (bytes: Buffer) => said.push(bytes));
    socket.on("error", () => {});
    await new Promise((resolve) => socket.once("close", resolve));
    expect(said).toEqual([]);
  });
});
