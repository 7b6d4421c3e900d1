// The clients that ours is measured against, and that those who come from hermes know: hermes 0.3.1, with the tritonclient
// that it brings, and Triton's perf_analyzer (C++), which is inside an older tritonclient. The two want different versions
// of it, so each has an environment of its own, made once into an ignored folder.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const peers = join(root, ".cache", "peers");

/** hermes 0.3.1 takes any tritonclient from 2.48 on; this is the one that its figures are from. */
const HERMES = ["ml4gw-hermes==0.3.1", "tritonclient[grpc]==2.73.0"];
const PERF_ANALYZER = ["tritonclient[all]==2.41.1", "nvidia-cuda-runtime-cu12<13"];

/**
 * @returns {{ python?: string, absent?: string, note: string }} a Python with hermes and tritonclient, or why there is
 *   none; and what to tell people
 */
export function prepareHermes() {
  const made = environment("hermes", HERMES, "import hermes.aeriel.client, tritonclient.grpc");
  return made.absent === undefined
    ? { python: made.python, note: `hermes      ${made.word}` }
    : { absent: made.absent, note: `hermes      ${made.absent}: comparisons with it are skipped` };
}

/** @returns {{ python?: string, program?: string, libraries?: string, absent?: string }} `libraries`: its LD_LIBRARY_PATH */
export function preparePerfAnalyzer() {
  if (process.platform !== "linux" || process.arch !== "x64")
    return { absent: `there is none for ${process.platform} on ${process.arch}` };
  const made = environment("perf-analyzer", PERF_ANALYZER, "import tritonclient");
  if (made.absent !== undefined) return made;
  const program = join(dirname(made.python), "perf_analyzer");
  const libraries = cudaRuntime(dirname(dirname(made.python)));
  const { status, stderr, error } = spawnSync(program, ["--version"], {
    encoding: "utf8",
    env: { ...process.env, LD_LIBRARY_PATH: libraries },
  });
  if (status === 0) return { python: made.python, program, libraries };
  const why = lastLine({ stderr, error });
  return {
    absent: /libb64/.test(why)
      ? "it does not start without Debian's libb64-0d (apt-get install libb64-0d)"
      : `it does not start (${why})`,
  };
}

function cudaRuntime(folder) {
  const lib = join(folder, "lib");
  const python = readdirSync(lib).find((name) => name.startsWith("python3")) ?? "";
  return join(lib, python, "site-packages", "nvidia", "cuda_runtime", "lib");
}

/** A Python environment with these packages: the one that is there, if it is whole. */
function environment(name, packages, script) {
  const folder = join(peers, name);
  const python = join(folder, "bin", "python");
  const stamp = join(folder, "packages.txt");
  const wanted = packages.join("\n");
  const isWhole = () => existsSync(python) && spawnSync(python, ["-c", script]).status === 0;
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted && isWhole())
    return { python, word: "ready" };
  if (spawnSync("python3", ["-V"]).status !== 0) return { absent: "python3 was not found" };
  const from = performance.now();
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(peers, { recursive: true });
  const made = spawnSync("python3", ["-m", "venv", folder], { encoding: "utf8" });
  if (made.status !== 0) return { absent: `no environment (${lastLine(made)})` };
  const install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...packages];
  const filled = spawnSync(python, install, { encoding: "utf8" });
  if (filled.status !== 0) return { absent: `its packages cannot be had (${lastLine(filled)})` };
  if (!isWhole()) return { absent: "its packages are there, and cannot be loaded" };
  writeFileSync(stamp, wanted);
  return { python, word: `${packages.join(", ")}  ${((performance.now() - from) / 1000).toFixed(0)} s` };
}

function lastLine({ stderr, stdout, error }) {
  return (stderr || stdout || String(error ?? "")).trim().split("\n").at(-1);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { note } = prepareHermes();
  const { absent } = preparePerfAnalyzer();
  process.stdout.write(`${note}\nperf        ${absent ?? "ready"}\n`);
}
