// toxiproxy, which stands between client and server in the tests of faults on the line. Built once by Go into an ignored
// folder; without a Go, or without a way to its sources, those tests are skipped by name.
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const NAME = "toxiproxy-server";
const VERSION = "v2.12.0";

/** @returns {{ note: string }} what to tell people */
export function prepareToxiproxy() {
  const folder = join(root, ".cache", "bin");
  const program = join(folder, NAME);
  if (existsSync(program) || spawnSync(NAME, ["-version"]).error === undefined)
    return { note: "toxiproxy   ready" };
  const without = (why) => ({ note: `toxiproxy   ${why}: tests of faults on the line are skipped` });
  if (spawnSync("go", ["version"]).status !== 0) return without("no Go to build it");
  const from = performance.now();
  const target = mkdtempSync(join(tmpdir(), "toxiproxy-"));
  try {
    const { status, stderr } = spawnSync(
      "go",
      ["install", `github.com/Shopify/toxiproxy/v2/cmd/server@${VERSION}`],
      { encoding: "utf8", env: { ...process.env, GOBIN: target } },
    );
    if (status !== 0) return without(`it cannot be built (${(stderr ?? "").trim().split("\n").at(-1)})`);
    mkdirSync(folder, { recursive: true });
    // Its own name for the program is "server".
    copyFileSync(join(target, "server"), program);
  } finally {
    rmSync(target, { recursive: true, force: true });
  }
  return { note: `toxiproxy   ${VERSION}  ${((performance.now() - from) / 1000).toFixed(0)} s` };
}
