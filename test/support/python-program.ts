import { execFile, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { promisify } from "node:util";

const python =
  process.env["STRAINFLOW_PYTHON"] ?? resolve(import.meta.dirname, "../../.cache/venv/bin/python");
const required = process.env["STRAINFLOW_REQUIRE"] === "all";

/** Whether tests on these modules are to be skipped; where everything is required they run, and fail. */
export function withoutPython(modules: string): boolean {
  return spawnSync(python, ["-c", `import ${modules}`]).status !== 0 && !required;
}

/** What each case of a program in `test/python` has come to: `as expected`, or what went wrong. */
export async function casesOf(
  program: string,
  ...args: readonly string[]
): Promise<Readonly<Record<string, string>>> {
  const file = resolve(import.meta.dirname, "../python", program);
  const { stdout } = await promisify(execFile)(python, [file, ...args], {
    timeout: 50_000,
    maxBuffer: 16 * 2 ** 20,
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" },
  });
  return JSON.parse(stdout) as Record<string, string>;
}

/** The names of a program's cases, as they stand in it: none can be left out unseen. */
export function casesIn(program: string): readonly string[] {
  const text = readFileSync(resolve(import.meta.dirname, "../python", program), "utf8");
  return [...text.matchAll(/^@case\n(?:async )?def (\w+)/gm)].map(([, name = ""]) => name);
}
