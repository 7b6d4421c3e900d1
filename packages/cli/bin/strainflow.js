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
// every 45 s of data. The heap may grow to twice what was live before that is done, which takes a tenth off this process's
// CPU; to four times takes hardly more, and garbage then stays for an hour of data, as if memory leaked.
// What a library uses that Node is to drop is nothing that who types a command can change.
process.noDeprecation = true;
setFlagsFromString("--heap-growing-percent=100");
await import(main.href);
