import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, it } from "vitest";
import { DIFFERENCES } from "./differences.ts";

it("each explained difference stands in the document about them", () => {
  const text = readFileSync(resolve(import.meta.dirname, "../../docs/differences-from-triton.md"), "utf8");
  for (const { what, triton, ours, why } of DIFFERENCES)
    expect(text).toContain(`| ${what} | ${triton} | ${ours} | ${why} |`);
});
