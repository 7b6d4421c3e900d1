#!/usr/bin/env node
import { existsSync } from "node:fs";

// Committed, and outside `dist`, so that a workspace links it before anything is built.
const main = new URL("../dist/main.js", import.meta.url);
if (!existsSync(main)) {
  process.stderr.write(
    "strainflow is not built yet; run `npm run demo` or `npm test` once, in the repository's root\n",
  );
  process.exit(1);
}
await import(main.href);
