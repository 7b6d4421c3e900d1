// `npm test`: all checks, then all tests. The last line is `N passed, N failed`, and `, N skipped` where some were.
// A test that passed only at its second try is listed with what went wrong at the first.
// STRAINFLOW_REQUIRE=all makes a skipped test a failure: there is nothing that a full machine may leave out.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { check } from "./check.mjs";
import { preparePerfAnalyzer } from "./peers.mjs";
import { preparePython } from "./python.mjs";
import { prepareStores } from "./stores.mjs";
import { prepareToxiproxy } from "./toxiproxy.mjs";
import { prepareTriton } from "./triton.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const report = join(root, ".cache", "vitest.json");
const requireAll = process.env.STRAINFLOW_REQUIRE === "all";

process.stdout.write("── checks ──\n");
const checks = await check();

process.stdout.write("── tests ──\n");
const python = preparePython();
process.stdout.write(`${python.note}\n${prepareStores().note}\n${prepareToxiproxy().note}\n`);
const triton = prepareTriton();
process.stdout.write(`${triton.note}\n`);
const { absent } = preparePerfAnalyzer();
process.stdout.write(
  `perf        ${absent === undefined ? "ready" : `${absent}: tests with perf_analyzer are skipped`}\n`,
);
mkdirSync(dirname(report), { recursive: true });
rmSync(report, { force: true });
const { status } = spawnSync(
  process.execPath,
  [
    join(root, "node_modules/vitest/vitest.mjs"),
    "run",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
  ],
  { cwd: root, stdio: "inherit", env: { ...process.env, ...python.env, ...triton.env } },
);

let tests = { numPassedTests: 0, numFailedTests: 1, numPendingTests: 0, testResults: [] };
try {
  tests = JSON.parse(readFileSync(report, "utf8"));
} catch {
  process.stdout.write("✗ the tests left no report\n");
}
const skipped = tests.testResults.flatMap((file) =>
  file.assertionResults.filter((t) => t.status === "skipped" || t.status === "pending"),
);
for (const test of skipped) process.stdout.write(`skipped: ${test.fullName}\n`);
const unsteady = tests.testResults.flatMap((file) =>
  file.assertionResults.filter((t) => t.status === "passed" && t.failureMessages.length > 0),
);
for (const test of unsteady)
  process.stdout.write(`second try: ${test.fullName}: ${test.failureMessages[0].split("\n", 1)[0]}\n`);
// A file that could not be loaded has failed without a single test in it.
const broken = tests.testResults.filter(
  (file) => file.status === "failed" && file.assertionResults.every((t) => t.status !== "failed"),
).length;

const passed = checks.passed + tests.numPassedTests;
const failed = Math.max(
  checks.failed + tests.numFailedTests + broken + (requireAll ? skipped.length : 0),
  status === 0 ? 0 : 1,
);
process.stdout.write(
  `\n${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ""}\n`,
);
process.exitCode = failed > 0 ? 1 : 0;
