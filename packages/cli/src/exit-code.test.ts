import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { StrainflowError } from "@strainflow/series";
import { describe, expect, it } from "vitest";
import { exitCodeOf, exitCodes } from "./exit-code.ts";

const packages = resolve(import.meta.dirname, "../..");

/** Tags that sources name where they make an error: `…Error("tag", …)`. */
const tags = new Set(
  readdirSync(packages).flatMap((name) =>
    readdirSync(join(packages, name, "src"), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts") && !path.includes(".test.") && !path.includes("testing"))
      .flatMap((path) =>
        [
          ...readFileSync(join(packages, name, "src", path), "utf8").matchAll(/Error\(\s*"([a-z0-9-]+)"/g),
        ].map(([, tag]) => tag ?? ""),
      ),
  ),
);

describe("the exit status", () => {
  /** Whoever meets these found a fault of ours, or of the installation. */
  const OURS = ["dashboard-script", "out-of-order", "wrong-state"];

  it("of every error that a package makes says more than that it was not expected", () => {
    expect(tags.size).toBeGreaterThan(50);
    const unexpected = [...tags].filter(
      (tag) => exitCodeOf(new StrainflowError(tag, "so it goes")) === exitCodes.unexpected,
    );
    expect(unexpected.sort()).toEqual(OURS);
  });

  it("of what nobody foresaw is 1, and of what was given up 130", () => {
    expect(exitCodeOf(new TypeError("x is not a function"))).toBe(1);
    expect(exitCodeOf(new DOMException("stopped", "AbortError"))).toBe(130);
  });
});
