import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { type OwnCommand, startOwnProcess } from "./own-process.ts";
import type { ServerPlace } from "./server-process.ts";
import {
  type ServerEvent,
  type SupervisedServer,
  type SupervisePolicy,
  superviseServer,
} from "./supervise.ts";

/* A server of nothing: it listens, says so, and ends with its standard input. */
const SCRIPT = `
import { createServer } from "node:net";
const { port = 0, mode = "", pid = process.pid } = JSON.parse(process.argv[2]);
console.error("starting " + mode);
if (mode === "dies") { console.error("no models here"); process.exit(3); }
const server = createServer((socket) => socket.end(String(process.pid)));
server.listen(port, "127.0.0.1", () => {
  const grpc = "127.0.0.1:" + server.address().port;
  if (mode !== "silent") console.log(JSON.stringify({ type: "ready", grpc, pid }));
  if (mode === "dies-later") setTimeout(() => process.exit(4), 20);
});
if (mode === "stubborn") process.stdin.resume();
else process.stdin.resume().on("end", () => process.exit(0));
`;
const folder = mkdtempSync(join(tmpdir(), "strainflow-launch-"));
const script = join(folder, "server.mjs");
writeFileSync(script, SCRIPT);
afterAll(() => rmSync(folder, { recursive: true }));

const servers: SupervisedServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

const command = (told: object): OwnCommand => ({
  file: process.execPath,
  args: [script, JSON.stringify(told)],
});

interface Started {
  readonly events: ServerEvent[];
  readonly lines: string[];
  until(kind: ServerEvent["kind"], count?: number): Promise<void>;
  start(): Promise<SupervisedServer>;
}

interface Options {
  readonly mode?: string;
  readonly command?: (before: ServerPlace | undefined) => OwnCommand;
  readonly policy?: SupervisePolicy;
  readonly readyTimeoutMs?: number;
  readonly stopTimeoutMs?: number;
  readonly signal?: AbortSignal;
}

function supervised(options: Options = {}): Started {
  const events: ServerEvent[] = [];
  const lines: string[] = [];
  const log = (line: string): void => void lines.push(line);
  let wake: () => void = () => undefined;
  return {
    events,
    lines,
    async until(kind, count = 1) {
      while (events.filter((event) => event.kind === kind).length < count)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    },
    async start() {
      const server = await superviseServer({
        start: (before, signal) =>
          startOwnProcess(
            options.command?.(before) ??
              command({ mode: options.mode, port: before === undefined ? 0 : portOf(before) }),
            { readyTimeoutMs: options.readyTimeoutMs ?? 20_000, log, signal },
          ),
        policy: options.policy,
        log,
        stopTimeoutMs: options.stopTimeoutMs ?? 5000,
        signal: options.signal,
        onEvent(event) {
          events.push(event);
          wake();
        },
      });
      servers.push(server);
      return server;
    },
  };
}

const POLICY = { maxRestarts: 3, windowMs: 60_000, firstPauseMs: 10, longestPauseMs: 50 };
const portOf = (place: ServerPlace): number => Number(place.grpc.split(":")[1]);

/** What answers on a port. */
function whoAnswers(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    connect(port, "127.0.0.1")
      .on("data", (chunk) => {
        text += chunk;
      })
      .on("end", () => resolve(text))
      .on("error", reject);
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("starting a server", () => {
  it("gives its address and its process, and ends it on `close`", async () => {
    const { start, lines } = supervised();
    const server = await start();
    expect(await whoAnswers(portOf(server.place))).toBe(String(server.pid));
    expect(lines).toContain("starting ");
    await server.close();
    expect(isAlive(server.pid)).toBe(false);
    expect(await server.exited).toMatchObject({ pid: server.pid, code: 0 });
  });

  it("kills a server that does not end in order", async () => {
    const server = await supervised({ mode: "stubborn", stopTimeoutMs: 100 }).start();
    await server.close();
    expect(await server.exited).toMatchObject({ signal: "SIGKILL" });
    expect(isAlive(server.pid)).toBe(false);
  });

  it("tells exit code and last lines of one that dies before it is ready", async () => {
    await expect(supervised({ mode: "dies" }).start()).rejects.toMatchObject({
      tag: "launch-failed",
      message: expect.stringMatching(/exit code 3.*\n {2}starting dies\n {2}no models here/s),
    });
  });

  it("gives up on one that is not ready in time, and leaves nothing of it", async () => {
    const error = await supervised({ mode: "silent", readyTimeoutMs: 500 })
      .start()
      .catch((caught: unknown) => caught);
    expect(error).toMatchObject({
      tag: "launch-failed",
      message: expect.stringContaining("not ready within 500 ms"),
    });
    expect(execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })).not.toContain(
      `${script} {"mode":"silent"`,
    );
  });

  it("is given up by a signal", async () => {
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 50);
    await expect(supervised({ mode: "silent", signal: abort.signal }).start()).rejects.toMatchObject({
      tag: "launch-failed",
      message: expect.stringContaining("given up"),
    });
  });

  it("refuses a program that is not there, and an answer from another process", async () => {
    await expect(
      supervised({ command: () => ({ file: join(folder, "nothing"), args: [] }) }).start(),
    ).rejects.toMatchObject({ tag: "launch-failed", message: expect.stringContaining("ENOENT") });
    await expect(supervised({ command: () => command({ pid: 1 }) }).start()).rejects.toMatchObject({
      tag: "launch-failed",
      message: expect.stringContaining("process 1 did"),
    });
  });
});

describe("a supervised server", () => {
  it("that is killed comes back on the same port as another process", async () => {
    const { start, until, events } = supervised({ policy: POLICY });
    const server = await start();
    const first = server.pid;
    process.kill(first, "SIGKILL");
    await until("ready");
    expect(server.pid).not.toBe(first);
    expect(await whoAnswers(portOf(server.place))).toBe(String(server.pid));
    expect(server.restarts).toBe(1);
    expect(events).toMatchObject([
      { kind: "died", exit: { pid: first, signal: "SIGKILL" } },
      { kind: "restarting", attempt: 1, pauseMs: 10 },
      { kind: "ready", pid: server.pid, restarts: 1 },
    ]);
    const second = server.pid;
    await server.close();
    expect(isAlive(second)).toBe(false);
  });

  it("that dies again and again is given up, with growing pauses", async () => {
    const { start, events } = supervised({ mode: "dies-later", policy: POLICY });
    const server = await start();
    expect(await server.exited).toMatchObject({ code: 4 });
    const pauses = events.flatMap((event) => (event.kind === "restarting" ? [event.pauseMs] : []));
    expect(pauses).toEqual([10, 20, 40]);
    expect(events.at(-1)).toMatchObject({ kind: "given-up", error: { tag: "server-given-up" } });
  });

  it("that cannot start again counts as having died again", async () => {
    const starts: (ServerPlace | undefined)[] = [];
    const { start, events } = supervised({
      policy: POLICY,
      command(before) {
        starts.push(before);
        return command({ mode: starts.length === 1 ? "" : "dies" });
      },
    });
    const server = await start();
    process.kill(server.pid, "SIGKILL");
    await server.exited;
    expect(starts).toHaveLength(4);
    expect(events.map(({ kind }) => kind)).toEqual([
      "died",
      "restarting",
      "restarting",
      "restarting",
      "given-up",
    ]);
  });

  it("is not started again once it is closed, also in the middle of a pause", async () => {
    const { start, until, events } = supervised({
      policy: { ...POLICY, firstPauseMs: 60_000, longestPauseMs: 60_000 },
    });
    const server = await start();
    process.kill(server.pid, "SIGKILL");
    await until("restarting");
    await server.close();
    expect(events.map(({ kind }) => kind)).toEqual(["died", "restarting"]);
  });

  it("without a policy stays dead", async () => {
    const { start, events } = supervised();
    const server = await start();
    process.kill(server.pid, "SIGKILL");
    expect(await server.exited).toMatchObject({ signal: "SIGKILL" });
    expect(events.map(({ kind }) => kind)).toEqual(["died"]);
  });
});
