import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect, createServer, type Server, type Socket } from "node:net";
import { encodeFields } from "@strainflow/http2";
import { afterEach, describe, expect, it } from "vitest";
import { openSession } from "../testing/raw-call.ts";
import { type ListenOptions, listen } from "./listen.ts";
import type { GrpcFront } from "./service.ts";

const FOUND = encodeFields([[":status", "200"]]);

describe("connections", () => {
  const open: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of open.splice(0)) await close();
  });

  /** Says "hi" at once, and ends when the client has. */
  async function start(options: Partial<ListenOptions> = {}): Promise<GrpcFront> {
    const front = await listen(
      { host: "127.0.0.1", port: 0, maxConnections: 10, ...options },
      (_, stream) => {
        stream.respond(FOUND);
        stream.write(Buffer.from("hi"));
        const nothing = (): void => {};
        return { data: nothing, ended: () => stream.end(), drained: nothing, lost: nothing };
      },
    );
    open.push(() => front.close());
    return front;
  }

  async function greeted(address: string): Promise<string> {
    const session = openSession(address);
    const stream = session.request({ ":method": "POST" });
    stream.on("error", () => {});
    const said = once(stream, "data").then(([chunk]) => String(chunk));
    const lost = once(stream, "close").then(() => "lost");
    const word = await Promise.race([said, lost]);
    open.push(() => session.destroy());
    return word;
  }

  it("are so many at most; more are closed as they come", async () => {
    const front = await start({ maxConnections: 2 });
    expect([await greeted(front.address), await greeted(front.address)]).toEqual(["hi", "hi"]);
    expect(await greeted(front.address)).toBe("lost");
  });

  it.each([true, false])(
    "may come in elsewhere (paused: %s), and are counted too",
    async (pauseOnConnect) => {
      const front = await start({ port: false, maxConnections: 2 });
      expect(front.address).toBe("");
      const elsewhere: Server = createServer({ pauseOnConnect }, (socket) => {
        socket.on("error", () => {});
        front.accept(socket);
      });
      await new Promise<void>((resolve) => elsewhere.listen(0, "127.0.0.1", resolve));
      open.push(() => elsewhere.close());
      const address = elsewhere.address();
      const at = `127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
      expect([await greeted(at), await greeted(at), await greeted(at)]).toEqual(["hi", "hi", "lost"]);
    },
  );

  it("are told windows in which messages of 1 MiB do not stall, and have their pings answered", async () => {
    const session = openSession((await start()).address);
    open.push(() => session.destroy());
    const [settings] = (await once(session, "remoteSettings")) as [{ initialWindowSize: number }];
    expect(settings.initialWindowSize).toBe(4 * 2 ** 20);
    await expect.poll(() => session.state.remoteWindowSize).toBe(16 * 2 ** 20);
    const echoed = await new Promise((resolve) =>
      session.ping(Buffer.from("12345678"), (_error, _ms, payload) => resolve(String(payload))),
    );
    expect(echoed).toBe("12345678");
  });

  it("drain: no more calls, open ones go on, and it ends with them", async () => {
    const front = await start();
    const session = connectHttp2(`http://${front.address}`);
    session.on("error", () => {});
    const stream = session.request({ ":method": "POST" });
    await once(stream, "data");
    let drained = false;
    const goaway = once(session, "goaway");
    const draining = front.drain().then(() => {
      drained = true;
    });
    await goaway;
    await expect(connected(front.address)).rejects.toThrow("ECONNREFUSED");
    expect(drained).toBe(false);
    stream.end();
    await draining;
    expect(stream.rstCode).toBe(0);
  });

  it("are cut when it closes: also those that say nothing", async () => {
    const front = await start();
    const silent = await connected(front.address);
    const session = openSession(front.address);
    const stream = session.request({ ":method": "POST" });
    stream.on("error", () => {});
    await once(stream, "data");
    const cut = Promise.all([once(silent, "close"), once(stream, "close")]);
    front.close();
    await cut;
  });

  it("whose calls are reset in the same breath as made, serve on", async () => {
    let calls = 0;
    const front = await listen({ host: "127.0.0.1", port: 0, maxConnections: 10 }, (_, stream) => {
      calls += 1;
      stream.respond(FOUND, true);
      return undefined;
    });
    open.push(() => front.close());
    const http2Frame = (type: number, flags: number, id: number, payload: Buffer): Buffer => {
      const head = Buffer.alloc(9);
      head.writeUIntBE(payload.byteLength, 0, 3);
      head[3] = type;
      head[4] = flags;
      head.writeUInt32BE(id, 5);
      return Buffer.concat([head, payload]);
    };
    // POST / over http, of x, by HPACK's static table.
    const headers = (id: number): Buffer => http2Frame(1, 4, id, Buffer.of(0x83, 0x84, 0x86, 1, 1, 0x78));
    const reset = (id: number): Buffer => http2Frame(3, 0, id, Buffer.of(0, 0, 0, 8));
    const socket = await connected(front.address);
    const ids = Array.from({ length: 50 }, (_, i) => 2 * i + 1);
    socket.write(
      Buffer.concat([
        Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        http2Frame(4, 0, 0, Buffer.alloc(0)),
        ...ids.flatMap((id) => [headers(id), reset(id)]),
        headers(101),
      ]),
    );
    await expect.poll(() => calls).toBe(ids.length + 1);
    expect(socket.destroyed).toBe(false);
  });

  it("that speak HTTP/1 are closed", async () => {
    const front = await start();
    const socket = await connected(front.address);
    socket.write("POST / HTTP/1.1\r\nhost: x\r\n\r\n");
    await once(socket, "close");
    expect(await greeted(front.address)).toBe("hi");
  });

  async function connected(address: string): Promise<Socket> {
    const [host, port] = address.split(":");
    const socket = connect(Number(port), host);
    await once(socket, "connect");
    socket.on("error", () => {});
    socket.resume();
    open.push(() => socket.destroy());
    return socket;
  }
});
