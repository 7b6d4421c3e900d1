// Makes a fresh clone ready to run: dependencies from the frozen lockfile, then the build. Says what it does, and does
// nothing that is already done. Needs Node and npm only; pnpm comes through npx, in the version package.json names.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const OLDEST = [20, 19];

function fail(message) {
  process.stderr.write(`✗ ${message}\n`);
  process.exit(1);
}

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]))
  fail(`strainflow needs Node ${OLDEST.join(".")} or newer; this is ${process.versions.node}`);

function readStamp(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Runs a command, quietly unless it fails. */
function run(command, args, env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      shell: process.platform === "win32",
    });
    const output = [];
    child.stdout.on("data", (chunk) => output.push(chunk));
    child.stderr.on("data", (chunk) => output.push(chunk));
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0
        ? resolve()
        : reject(new Error(`${command} ${args.join(" ")} ended with ${code}\n${Buffer.concat(output)}`)),
    );
  });
}

async function step(what, work) {
  const from = performance.now();
  process.stderr.write(`  set-up      ${what} …\n`);
  try {
    await work();
  } catch (error) {
    fail(`${what}: ${error.message}`);
  }
  process.stderr.write(`  set-up      ${what}  ${((performance.now() - from) / 1000).toFixed(0)} s\n`);
}

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const lock = createHash("sha256")
  .update(readFileSync(join(root, "pnpm-lock.yaml")))
  .update(process.versions.modules)
  .digest("hex");
const stamp = join(root, "node_modules", ".strainflow-setup");

if (readStamp(stamp) !== lock) {
  const count = new Set(readFileSync(join(root, "pnpm-lock.yaml"), "utf8").match(/^ {2}\S+@[^:]+:$/gm)).size;
  await step(`${manifest.packageManager}, ${count} packages from the lockfile`, () =>
    // onnxruntime-node carries its CPU binaries; without this its script would look for GPU ones elsewhere.
    run("npx", ["-y", manifest.packageManager, "install", "--frozen-lockfile"], {
      ONNXRUNTIME_NODE_INSTALL: "skip",
    }),
  );
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, lock);
}
await step("build", () => run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-b"]));
