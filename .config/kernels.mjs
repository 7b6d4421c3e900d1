// Compiles the numeric kernels of packages/*/assembly (AssemblyScript) to modules that lie beside the sources, committed:
// nobody needs the compiler but who changes a kernel. `node .config/kernels.mjs`; with `--check`, only says whether what
// lies there was made from the sources as they are.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const COMPILER = "assemblyscript@0.28.20";
const FLAGS = [
  "--runtime",
  "stub",
  "--noAssert",
  "-O3",
  "--converge",
  "--importMemory",
  "--enable",
  "simd,bulk-memory",
];
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const sources = readdirSync(join(root, "packages"))
  .map((name) => join(root, "packages", name, "assembly"))
  .flatMap((folder) => {
    try {
      return readdirSync(folder)
        .filter((name) => name.endsWith(".ts"))
        .map((file) => join(folder, file));
    } catch {
      return [];
    }
  });

/** A kernel's file, and those that it is put together from: in a folder of its name. */
function partsOf(source) {
  const folder = source.replace(/\.ts$/, "");
  return [source, ...(existsSync(folder) ? readdirSync(folder).map((file) => join(folder, file)) : [])];
}

/** What a module says of what it was made from. */
const stamp = (source) =>
  createHash("sha256")
    .update(
      [`${COMPILER} ${FLAGS.join(" ")}`, ...partsOf(source).map((file) => readFileSync(file, "utf8"))].join(
        "\n",
      ),
    )
    .digest("hex");

const targetOf = (source) =>
  join(dirname(dirname(source)), "src", "gen", `${basename(source, ".ts")}-wasm.ts`);

function compile(source) {
  const scratch = mkdtempSync(join(tmpdir(), "strainflow-kernels-"));
  try {
    const wasm = join(scratch, "kernel.wasm");
    const args = ["-y", "-p", COMPILER, "asc", relative(root, source), ...FLAGS, "--outFile", wasm];
    const { status } = spawnSync("npx", args, { cwd: root, stdio: "inherit" });
    if (status !== 0) throw new Error(`${relative(root, source)} was not compiled`);
    const lines = readFileSync(wasm)
      .toString("base64")
      .match(/.{1,100}/g);
    const text = [
      `// Made from ${relative(dirname(dirname(source)), source)} by .config/kernels.mjs; do not edit.`,
      `// ${stamp(source)}`,
      "",
      "/** A WebAssembly module, in base64. */",
      "export const wasm: string = [",
      ...lines.map((line) => `  "${line}",`),
      '].join("");',
      "",
    ];
    writeFileSync(targetOf(source), text.join("\n"));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const stale = sources.filter((source) => {
  try {
    return !readFileSync(targetOf(source), "utf8").includes(stamp(source));
  } catch {
    return true;
  }
});
if (process.argv.includes("--check")) {
  for (const source of stale)
    process.stderr.write(
      `${relative(root, source)} has changed since it was compiled: node .config/kernels.mjs\n`,
    );
  process.exit(stale.length === 0 ? 0 : 1);
}
for (const source of stale) {
  compile(source);
  process.stdout.write(`${relative(root, targetOf(source))}\n`);
}
