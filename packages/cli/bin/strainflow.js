#!/usr/bin/env node
import { existsSync } from "node:fs";
import { setFlagsFromString } from "node:v8";

// Committed, and outside `dist`, so that a workspace links it before anything is built.
const main = new URL("../dist/main.js", import.meta.url);
if (!existsSync(main)) {
  process.stderr.write(
    "strainflow is not built yet; run `npm run demo` or `npm test` once, in the repository's root\n",
  );
  process.exit(1);
}
// Samples live outside of V8's heap but count towards it: left alone, it marks the same 20 MB of objects again after
// every 45 s of data. With the heap allowed to grow to four times what was live, a sixth of this process's CPU is saved.
setFlagsFromString("--heap-growing-percent=300");
await import(main.href);
