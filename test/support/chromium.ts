import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";
import { describe } from "vitest";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];

const executablePath = (process.env["PATH"] ?? "")
  .split(delimiter)
  .flatMap((folder) => NAMES.map((name) => join(folder, name)))
  .find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });

/** What needs a browser: skipped by name where there is none on PATH, unless all is required. */
export function describeInBrowser(name: string, tests: () => void): void {
  const present = executablePath !== undefined || process.env["STRAINFLOW_REQUIRE"] === "all";
  describe.skipIf(!present)(`${name} (needs chromium on PATH)`, tests);
}

export function launchBrowser(): Promise<Browser> {
  if (executablePath === undefined) throw new Error("there is no chromium on PATH");
  return chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
