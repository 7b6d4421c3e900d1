import { spawn } from "node:child_process";
import { once } from "node:events";
import { request } from "node:http";
import { createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { type Front, type FrontOptions, openFront } from "./front.ts";

const entry = new URL("./testing/echo-process.mjs", import.meta.url);
const http = { host: "127.0.0.1", port: 0, what: "HTTP" };

/** On a connection of its own. */
function get(port: number | undefined, path = "/"): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, path, agent: false }, (response) => {
      let text = "";
      response.on("data", (part: Buffer) => {
        text += part.toString();
      });
      response.on("end", () => resolve(text));
      response.on("error", reject);
    });
    sent.on("error", reject);
    sent.end();
  });
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await pause(10);
}

describe("processes behind one port", () => {
  const open: Front[] = [];
  afterEach(async () => {
    await Promise.all(open.splice(0).map((front) => front.end(5000)));
  });

  async function start(options: Partial<FrontOptions> = {}): Promise<Front> {
    const front = await openFront({
      entry,
      count: 2,
      init: { since: 5n },
      ports: { http },
      log: () => {},
      ...options,
    });
    open.push(front);
    return front;
  }

  it("take connections by turns, and answer questions", async () => {
    const front = await start({ answer: (question, index) => `${question} ${index}` });
    const told = await Promise.all([0, 1, 2, 3, 4, 5].map(() => get(front.ports["http"])));
    expect(told.sort()).toEqual(["0", "0", "0", "1", "1", "1"]);
    expect(["up 0", "up 1"]).toContain(await get(front.ports["http"], "/up"));
    const question = new Map([["a", new Uint8Array([1, 2])]]);
    expect(await front.ask(1, question)).toEqual({ question, index: 1, count: 2, init: { since: 5n } });
    await expect(front.ask(0, "refuse")).rejects.toThrow("it will not");
  });

  it("start again when one is killed; what it was asked fails, and the other goes on", async () => {
    const lines: string[] = [];
    const started: number[] = [];
    const gone: number[] = [];
    const front = await start({
      log: (line) => lines.push(line),
      onStarted: (_, index) => {
        started.push(index);
      },
      onGone: (index) => gone.push(index),
    });
    const pid = Number(await front.ask(0, "pid"));
    const asked = front.ask(0, "hang");
    process.kill(pid, "SIGKILL");
    await expect(asked).rejects.toMatchObject({ tag: "process-lost" });
    expect(front.serving).toEqual([1]);
    expect(await get(front.ports["http"])).toBe("1");
    await until(() => front.serving.length === 2);
    expect(Number(await front.ask(0, "pid"))).not.toBe(pid);
    expect([gone, started.sort(), front.restarts]).toEqual([[0], [0, 0, 1], [1, 0]]);
    expect(lines.join()).toContain("signal SIGKILL");
  });

  it("leave no connection open that went to one while it died", async () => {
    const front = await start();
    const { pids } = front;
    const asked = Array.from({ length: 40 }, async (_, at) => {
      await pause(at);
      if (at === 10) process.kill(pids[0] ?? Number.NaN, "SIGKILL");
      return get(front.ports["http"]).catch(() => "cut");
    });
    expect(new Set(await Promise.all(asked))).toContain("1");
    await until(() => front.serving.length === 2);
  });

  it("keep connections waiting while none is up", async () => {
    const front = await start();
    for (const index of [0, 1]) process.kill(Number(await front.ask(index, "pid")), "SIGKILL");
    await until(() => front.serving.length === 0);
    expect(["0", "1"]).toContain(await get(front.ports["http"]));
  });

  it("are given up where they end more often than they may", async () => {
    const front = await start({ count: 1, maxEnds: 1 });
    for (const ends of [1, 2]) {
      await until(() => front.serving.length === 1);
      process.kill(Number(await front.ask(0, "pid")), "SIGKILL");
      await until(() => front.serving.length === 0 || front.restarts[0] === ends);
    }
    expect(await front.failed).toMatchObject({ tag: "process-lost" });
    expect(front.restarts).toEqual([1]);
  });

  it("do not start where one of them does not, or a port is taken, and none is left", async () => {
    await expect(start({ init: { fails: 1 } })).rejects.toThrow("process 1 will not");
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const address = other.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    await expect(start({ ports: { http: { ...http, port } } })).rejects.toMatchObject({
      tag: "address-in-use",
    });
    other.close();
    await expect(start({ count: 0 })).rejects.toMatchObject({ tag: "invalid-option" });
  });

  it("are killed where they take longer than they may", async () => {
    const front = await start({ count: 1, init: { lingers: true } });
    const pid = Number(await front.ask(0, "pid"));
    await front.end(50);
    expect(alive(pid)).toBe(false);
  });

  it("end with their front, also where it is killed", async () => {
    const script = `
      import { openFront } from ${JSON.stringify(new URL("../dist/index.js", import.meta.url).href)};
      const front = await openFront({ entry: new URL(${JSON.stringify(entry.href)}), count: 2, init: {}, log: () => {},
        ports: { http: { host: "127.0.0.1", port: 0, what: "HTTP" } } });
      console.log(JSON.stringify([await front.ask(0, "pid"), await front.ask(1, "pid")]));`;
    const parent = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [told] = (await once(parent.stdout, "data")) as [Buffer];
    const pids = JSON.parse(told.toString()) as number[];
    expect(pids.map(alive)).toEqual([true, true]);
    parent.kill("SIGKILL");
    // The pipe closes when the last that has it is gone: until then this waits.
    expect(await once(parent, "close")).toEqual([null, "SIGKILL"]);
  });
});
