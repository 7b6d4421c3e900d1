import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { findTriton } from "./find-triton.ts";
import { launch } from "./launch.ts";
import { prepareWheel } from "./python-environment.ts";
import { isAlive, processesWith } from "./testing/processes.ts";
import { writeProgram } from "./testing/stand-ins.ts";

const folder = mkdtempSync(join(tmpdir(), "strainflow-launch-"));
const bin = join(folder, "bin");
mkdirSync(bin);
const program = writeProgram(bin, "tritonserver", "exit 0");
const text = join(folder, "text");
writeFileSync(text, "");
afterAll(() => rmSync(folder, { recursive: true }));

describe("the Triton to start", () => {
  it("is the one that is asked for, else the environment's, else the PATH's", () => {
    const env = { STRAINFLOW_TRITON: folder, PATH: bin };
    expect(findTriton({ executable: program }, env)).toEqual({ kind: "program", path: program });
    expect(findTriton({ executable: "tritonserver" }, env)).toEqual({ kind: "program", path: program });
    expect(findTriton({ python: "/venv" }, env)).toEqual({ kind: "python", path: "/venv" });
    expect(findTriton({}, env)).toEqual({ kind: "python", path: folder });
    expect(findTriton({}, { ...env, STRAINFLOW_TRITON: program })).toEqual({
      kind: "program",
      path: program,
    });
    expect(findTriton({}, { PATH: `/nowhere:${bin}` })).toEqual({ kind: "program", path: program });
  });

  it("is missed in words that say where it was looked for", () => {
    expect(() => findTriton({ executable: text }, {})).toThrow(`${text} is not a program`);
    expect(() => findTriton({}, { STRAINFLOW_TRITON: text })).toThrow(`STRAINFLOW_TRITON is ${text}`);
    expect(() => findTriton({}, { PATH: "/nowhere" })).toThrow(/not on the PATH.*\/opt\/tritonserver/);
  });

  it("is not in a folder that is no environment, or has no nvidia-pytriton", async () => {
    await expect(prepareWheel(folder, folder)).rejects.toMatchObject({
      tag: "launch-no-triton",
      message: expect.stringContaining("no Python environment"),
    });
    const facts = { version: "3.11", numpy: null, package: null, libraryFolder: null };
    writeProgram(bin, "python", `echo '${JSON.stringify(facts)}'`);
    await expect(prepareWheel(folder, folder)).rejects.toThrow("pip install nvidia-pytriton");
    const modern = { ...facts, package: "/p/pytriton", numpy: "2.1.0" };
    writeProgram(bin, "python", `echo '${JSON.stringify(modern)}'`);
    await expect(prepareWheel(folder, folder)).rejects.toThrow(/numpy 2\.1\.0.*0 bytes/);
  });
});

describe("a server that is no Triton", () => {
  const start = (script: string, options: object = {}) =>
    launch({
      runtime: "triton",
      repository: folder,
      executable: writeProgram(folder, "server", script),
      readyTimeoutMs: 20_000,
      stopTimeoutMs: 0,
      ...options,
    });

  it("is given up after its time, with its children", async () => {
    const word = `strainflow-test-${process.pid}`;
    await expect(
      start(`trap '' TERM\necho loading\nsh -c 'sleep 600 # ${word}' &\nsleep 600`, { readyTimeoutMs: 400 }),
    ).rejects.toMatchObject({
      tag: "launch-failed",
      message: expect.stringMatching(/not ready within 400 ms; its last lines were:\n {2}loading/),
    });
    expect(processesWith(word)).toEqual([]);
    expect(processesWith(join(folder, "server"))).toEqual([]);
  });

  it("is given up by a signal", async () => {
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 100);
    await expect(start("exec sleep 600", { signal: abort.signal })).rejects.toMatchObject({
      tag: "launch-failed",
      message: expect.stringContaining("given up"),
    });
  });

  it("tells exit code and last words when it dies, without its tables", async () => {
    await expect(start('echo "| a | table |" >&2\necho "no licence" >&2\nexit 7')).rejects.toMatchObject({
      message: expect.stringMatching(/exit code 7; its last lines were:\n {2}no licence$/),
    });
  });

  it("is tried on other ports when somebody took them before it did", async () => {
    const tried = join(folder, "tried");
    const script = `echo "$*" >> '${tried}'\necho "Socket '127.0.0.1:1' already in use"\nexit 1`;
    await expect(start(script)).rejects.toThrow("already in use");
    const { readFileSync } = await import("node:fs");
    const ports = readFileSync(tried, "utf8").match(/--grpc-port=\d+/g) ?? [];
    expect(ports).toHaveLength(3);
    expect(new Set(ports).size).toBe(3);
  });

  it("is refused without a repository, with ports or times that are none, and where its log cannot be", async () => {
    await expect(start("exit 0", { repository: join(folder, "nothing") })).rejects.toThrow("not a folder");
    await expect(start("exit 0", { grpcPort: 70_000 })).rejects.toMatchObject({ tag: "invalid-option" });
    await expect(start("exit 0", { stopTimeoutMs: -1 })).rejects.toMatchObject({ tag: "invalid-option" });
    await expect(start("exit 0", { log: join(folder, "no", "log") })).rejects.toMatchObject({
      tag: "launch-log",
    });
    await expect(launch({ runtime: "triton", repository: folder, executable: text })).rejects.toMatchObject({
      tag: "launch-no-triton",
    });
    expect(isAlive(process.pid)).toBe(true);
  });
});
