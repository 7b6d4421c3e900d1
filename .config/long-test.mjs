// `npm run test:injections`, `npm run test:memory`: tests of `npm test`, at the length that their promises are made for.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const LONG = {
  injections: { file: "test/injections.test.ts", env: { STRAINFLOW_INJECTIONS: "500" } },
  memory: { file: "test/memory.test.ts", env: { STRAINFLOW_MEMORY_SECONDS: "16384" } },
};

const long = LONG[process.argv[2]];
if (long === undefined) {
  process.stderr.write(`✗ name one of ${Object.keys(LONG).join(", ")}\n`);
  process.exit(1);
}
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { status } = spawnSync(
  process.execPath,
  [join(root, "node_modules/vitest/vitest.mjs"), "run", long.file],
  { cwd: root, stdio: "inherit", env: { ...process.env, ...long.env } },
);
process.exitCode = status ?? 1;
