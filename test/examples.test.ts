import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const folder = join(import.meta.dirname, "../examples");

/** What each program must have said; a program without an entry here fails. */
const says: Readonly<Record<string, RegExp>> = {
  "online-pipeline": /GPS 10000000\d\d\.\d{3} {2}network SNR \d+\.\d/,
  "replay-archive": /network SNR \d+\.\d[\s\S]*searched \d+\.\d s/,
  "custom-operator": /GPS 1000000031 {2}\d\.\d\de-\d\d/,
  "event-tables":
    /event 1\/0\/17 skipped \(refused\)[\s\S]*event 1\/1\/40 skipped \(timeout\)[\s\S]*in process,80,78,0,1,1,0,[\s\S]*over gRPC,80,79,0,1,0,0,/,
  "own-network": /GPS 10000000\d\d\.\d\d {2}1\.\d{3}/,
};

describe("every example runs, and says what it is about", () => {
  const programs = readdirSync(folder)
    .filter((name) => name.endsWith(".ts") && !name.startsWith("support"))
    .map((name) => name.slice(0, -3));

  it.each(programs)("%s", { timeout: 120_000 }, async (name) => {
    const { stdout } = await promisify(execFile)(process.execPath, [join(folder, "dist", `${name}.js`)]);
    expect(stdout).toMatch(says[name] ?? /an entry in this test/);
  });
});
