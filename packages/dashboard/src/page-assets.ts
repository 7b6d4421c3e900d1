import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { StrainflowError } from "@strainflow/series";
import { linkScript } from "./link-script.ts";

/** What is the same in every page. */
export interface PageAssets {
  /** uPlot's and this package's scripts. */
  readonly scripts: readonly string[];
  readonly plotStyle: string;
}

let kept: PageAssets | undefined;

/** Reads the scripts that go into a page: uPlot from its package, our own from this package's build. */
export function pageAssets(): PageAssets {
  kept ??= { scripts: [plotScript(), ownScript()], plotStyle: readPlot("dist/uPlot.min.css") };
  return kept;
}

function readPlot(path: string): string {
  const folder = dirname(createRequire(import.meta.url).resolve("uplot/package.json"));
  return readFileSync(join(folder, path), "utf8");
}

function plotScript(): string {
  // The MIT licence asks that its text goes with every copy.
  return `/*\n${readPlot("LICENSE").trim()}\n*/\n${readPlot("dist/uPlot.iife.min.js").trim()}\n`;
}

function ownScript(): string {
  return linkScript("main", (name) => {
    // From `src` and from `dist` alike.
    const url = new URL(`../dist/page/${name}.js`, import.meta.url);
    try {
      return readFileSync(url, "utf8");
    } catch (cause) {
      throw new StrainflowError(
        "dashboard-script",
        `the page's script ${name}.js is not in @strainflow/dashboard's dist/page; build the package (npm run build) or install it anew`,
        { cause, details: { name } },
      );
    }
  });
}
