// The object stores that tests run against: versitygw speaks S3, fake-gcs-server speaks Google's. Built once by Go into an
// ignored folder; without a Go, or without a way to their sources, those tests are skipped by name.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const SERVERS = {
  versitygw: "github.com/versity/versitygw/cmd/versitygw@v1.8.0",
  "fake-gcs-server": "github.com/fsouza/fake-gcs-server@v1.56.1",
};

/** @returns {{ note: string }} what to tell people */
export function prepareStores() {
  const folder = join(root, ".cache", "bin");
  const missing = Object.entries(SERVERS).filter(
    ([name]) => !existsSync(join(folder, name)) && spawnSync(name, ["-h"]).error !== undefined,
  );
  if (missing.length === 0) return { note: "stores      ready" };
  if (spawnSync("go", ["version"]).status !== 0)
    return {
      note: `stores      no Go to build ${missing.map(([name]) => name).join(" and ")}: their tests are skipped`,
    };
  mkdirSync(folder, { recursive: true });
  const from = performance.now();
  for (const [name, source] of missing) {
    const { status, stderr } = spawnSync("go", ["install", source], {
      encoding: "utf8",
      env: { ...process.env, GOBIN: folder },
    });
    if (status !== 0) {
      const why = (stderr ?? "").trim().split("\n").at(-1);
      return { note: `stores      ${name} cannot be built (${why}): its tests are skipped` };
    }
  }
  return {
    note: `stores      ${missing.length} servers  ${((performance.now() - from) / 1000).toFixed(0)} s`,
  };
}
