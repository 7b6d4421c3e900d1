// `npm run test:injections`, `npm run test:memory`, `npm run test:faults`, `npm run test:fuzz`, `npm run test:soak`: tests of `npm test`, at the length that their promises are made for.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { prepareToxiproxy } from "./toxiproxy.mjs";
import { prepareTriton } from "./triton.mjs";

const LONG = {
  // 200 kills, half of them by each transport, and 200 faults on the line.
  faults: {
    files: ["test/recovery.test.ts", "test/faults.test.ts"],
    env: { STRAINFLOW_KILLS: "100", STRAINFLOW_FAULTS: "200" },
    needs: [prepareToxiproxy, prepareTriton],
  },
  // Ten shards of each, of which `npm test` tries the first.
  fuzz: { files: ["test/fuzz"], env: { STRAINFLOW_FUZZ_SHARDS: "10" }, needs: [prepareTriton] },
  injections: { files: ["test/injections.test.ts"], env: { STRAINFLOW_INJECTIONS: "500" } },
  memory: { files: ["test/memory.test.ts"], env: { STRAINFLOW_MEMORY_SECONDS: "16384" } },
  soak: { files: ["test/soak.test.ts"], env: { STRAINFLOW_SOAK_SECONDS: "600" } },
};

const long = LONG[process.argv[2]];
if (long === undefined) {
  process.stderr.write(`✗ name one of ${Object.keys(LONG).join(", ")}\n`);
  process.exit(1);
}
const env = { ...process.env, ...long.env };
for (const prepare of long.needs ?? []) {
  const made = prepare();
  process.stdout.write(`${made.note}\n`);
  Object.assign(env, made.env);
}
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { status } = spawnSync(
  process.execPath,
  [join(root, "node_modules/vitest/vitest.mjs"), "run", ...long.files],
  { cwd: root, stdio: "inherit", env },
);
process.exitCode = status ?? 1;
