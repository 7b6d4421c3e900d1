// A real Triton of our own, for the tests that hold client and embedded server against it: its binary lies inside the
// nvidia-pytriton wheel. Built once into an ignored folder; where it cannot be had, those tests are skipped by name.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
// numpy 2 makes this Triton's python backend answer 0 bytes; onnxruntime is what its python models run networks with.
const PACKAGES = ["nvidia-pytriton==0.7.0", "numpy<2", "onnxruntime<2"];

/** @returns {{ env: Record<string, string>, note: string }} what to set for the tests, and what to tell people */
export function prepareTriton() {
  const given = process.env.STRAINFLOW_TRITON;
  if (given) return { env: {}, note: `triton      ${given}` };
  const folder = join(root, ".cache", "triton");
  const python = join(folder, "bin", "python");
  const stamp = join(folder, "packages.txt");
  const wanted = PACKAGES.join("\n");
  const env = { STRAINFLOW_TRITON: folder };
  const without = (why) => ({
    env: {},
    note: `triton      ${why}: tests on a real Triton are skipped`,
  });
  if (process.platform !== "linux" || process.arch !== "x64")
    return without(`there is no wheel of it for ${process.platform} on ${process.arch}`);
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted && isWhole(python))
    return { env, note: "triton      ready" };

  const from = performance.now();
  if (!isWhole(python)) {
    if (spawnSync("python3", ["-V"]).status !== 0) return without("python3 was not found");
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(dirname(folder), { recursive: true });
    const made = spawnSync("python3", ["-m", "venv", folder], { encoding: "utf8" });
    if (made.status !== 0) return without(`no environment (${lastLine(made)})`);
  }
  // Also over an environment that is whole: pip answers in a second if every version is as wanted.
  const filled = spawnSync(
    python,
    ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...PACKAGES],
    { encoding: "utf8" },
  );
  if (filled.status !== 0) return without(`its packages cannot be had (${lastLine(filled)})`);
  if (!isWhole(python)) return without("its packages are there, and cannot be loaded");
  writeFileSync(stamp, wanted);
  return { env, note: `triton      2.51  ${((performance.now() - from) / 1000).toFixed(0)} s` };
}

/** Whether an environment works here: one that was copied, or whose Python is gone, does not. */
function isWhole(python) {
  const script = "import numpy, sys, importlib.util as u; sys.exit(u.find_spec('pytriton') is None)";
  return existsSync(python) && spawnSync(python, ["-c", script]).status === 0;
}

function lastLine({ stderr, stdout, error }) {
  return (stderr || stdout || String(error ?? "")).trim().split("\n").at(-1);
}
