// Everything about the code that can be judged without running it. Prints one line per check; the number of failures is
// the exit status. With `--update`, the snapshots of the public interfaces are written anew.
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { publicNames } from "./public-api.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const update = process.argv.includes("--update");
const packages = readdirSync(join(root, "packages")).filter((name) =>
  existsSync(join(root, "packages", name, "package.json")),
);
const bin = (name) => join(root, "node_modules", ".bin", name);

/** Runs a tool; resolves to its output if it failed, and to nothing otherwise. */
function tool(name, args, cwd = root) {
  return run(bin(name), args, cwd);
}

function run(program, args, cwd) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd,
    encoding: "utf8",
    maxBuffer: 64 << 20,
    env: {
      ...process.env,
      FORCE_COLOR: "0",
      PATH: `${join(root, "node_modules", ".bin")}:${process.env.PATH}`,
    },
  });
  return status === 0 ? undefined : `${stdout ?? ""}${stderr ?? ""}${error ?? ""}`;
}

async function publicApi() {
  const problems = [];
  const folder = join(root, "test", "api");
  mkdirSync(folder, { recursive: true });
  for (const name of packages) {
    const now = publicNames(join(root, "packages", name, "dist", "index.d.ts"));
    const path = join(folder, `${name}.txt`);
    const before = existsSync(path) ? readFileSync(path, "utf8") : "";
    if (update) writeFileSync(path, now);
    else if (now !== before)
      problems.push(
        `the public interface of ${name} changed; if that is meant: npm run check -- --update, and add a changeset`,
      );
  }
  return problems.join("\n") || undefined;
}

async function packaging() {
  const { publint } = await import("publint");
  const { formatMessage } = await import("publint/utils");
  const problems = [];
  for (const name of packages) {
    const pkgDir = join(root, "packages", name);
    const pkg = JSON.parse(readFileSync(join(pkgDir, "package.json"), "utf8"));
    const { messages } = await publint({ pkgDir, pack: false, strict: true });
    for (const message of messages) problems.push(`${name}: ${formatMessage(message, pkg)}`);
  }
  return problems.join("\n") || undefined;
}

async function typesOfPackages() {
  const problems = [];
  const folder = mkdtempSync(join(tmpdir(), "strainflow-pack-"));
  try {
    for (const name of packages) {
      const packed = spawnSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], {
        cwd: join(root, "packages", name),
        encoding: "utf8",
      });
      if (packed.status !== 0) {
        problems.push(`${name}: npm pack failed: ${packed.stderr}`);
        continue;
      }
      const tarball = readdirSync(folder).find((file) => file.endsWith(".tgz"));
      const failed = tool("attw", [join(folder, tarball), "--profile", "esm-only", "--no-emoji"]);
      if (failed !== undefined) problems.push(`${name}: ${failed}`);
      rmSync(join(folder, tarball));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return problems.join("\n") || undefined;
}

const checks = [
  ["format and lint (biome)", () => tool("biome", ["ci", "--colors=off", "--max-diagnostics=100", "."])],
  ["types of packages (tsc -b)", () => tool("tsc", ["-b"])],
  ["types of tests", () => tool("tsc", ["-p", ".config/tsconfig.tests.json"])],
  ["types of test/", () => tool("tsc", ["-p", "test/tsconfig.json"])],
  ["types of examples", () => tool("tsc", ["-b", "examples"])],
  [
    "kernels as compiled",
    () => run(process.execPath, [join(root, ".config", "kernels.mjs"), "--check"], root),
  ],
  ["public interfaces as recorded", publicApi],
  ["packaging (publint)", packaging],
  ["types as packed (attw)", typesOfPackages],
  [
    "nothing unused (knip)",
    () => tool("knip", ["--config", ".config/knip.json", "--no-progress", "--no-config-hints"]),
  ],
  ["documentation without warnings (typedoc)", () => tool("typedoc", ["--options", ".config/typedoc.json"])],
];

export async function check() {
  let failed = 0;
  for (const [name, run] of checks) {
    const from = performance.now();
    const problem = await run();
    const seconds = ((performance.now() - from) / 1000).toFixed(1);
    process.stdout.write(`${problem === undefined ? "✓" : "✗"} ${name}  ${seconds} s\n`);
    if (problem !== undefined) {
      failed++;
      process.stdout.write(`${problem.trim().split("\n").slice(0, 80).join("\n")}\n`);
    }
  }
  return { passed: checks.length - failed, failed };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { passed, failed } = await check();
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  process.exitCode = failed;
}
