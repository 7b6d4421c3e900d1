// A Python environment of our own, for the tests that hold our numbers and bytes against other people's programs.
// Built once into an ignored folder; without a Python, or without a way to its packages, those tests are skipped by name.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const PACKAGES = [
  "numpy<3",
  "h5py<4",
  "pyarrow<24",
  "onnx<2",
  "protobuf<8",
  "tritonclient[grpc,http]<3",
  "grpcio-health-checking<2",
  "grpcio-reflection<2",
  "prometheus-client<1",
  "kubernetes-validate<2",
  "ml4gw-hermes==0.3.1",
  "urllib3<3",
];

/** @returns {{ env: Record<string, string>, note: string }} what to set for the tests, and what to tell people */
export function preparePython() {
  const folder = join(root, ".cache", "venv");
  const python = join(folder, process.platform === "win32" ? "Scripts/python.exe" : "bin/python");
  const stamp = join(folder, "packages.txt");
  const wanted = PACKAGES.join("\n");
  const env = { STRAINFLOW_PYTHON: python, PATH: `${dirname(python)}:${process.env.PATH}` };
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return { env, note: "python      ready" };
  if (spawnSync("python3", ["-V"]).status !== 0)
    return { env: {}, note: "python      not found: comparisons with Python programs are skipped" };
  mkdirSync(dirname(folder), { recursive: true });
  const from = performance.now();
  const made = spawnSync("python3", ["-m", "venv", folder], { encoding: "utf8" });
  const filled =
    made.status === 0
      ? spawnSync(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...PACKAGES], {
          encoding: "utf8",
        })
      : made;
  if (filled.status !== 0) {
    const why = (filled.stderr || filled.stdout || "").trim().split("\n").at(-1);
    return {
      env: {},
      note: `python      its packages cannot be had (${why}): comparisons with Python programs are skipped`,
    };
  }
  writeFileSync(stamp, wanted);
  return {
    env,
    note: `python      ${PACKAGES.length} packages  ${((performance.now() - from) / 1000).toFixed(0)} s`,
  };
}
