import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { createRemotePort } from "./remote-port.ts";

const shared = process.env.STRAINFLOW_SHARED ?? fileURLToPath(new URL("../../../../shared", import.meta.url));
const built = fileURLToPath(new URL("../dist/worker.js", import.meta.url));
const demanded = process.env.STRAINFLOW_REQUIRE === "all";
const aframe = join(shared, "fixtures/aframe-run/background-1264317600-421.hdf5");

const folder = mkdtempSync(join(tmpdir(), "strainflow-hdf5-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A parser that does something else than its work when it is asked. */
function parserThat(name: string, does: string): URL {
  const path = join(folder, `${name}.mjs`);
  const source = `import { parentPort } from "node:worker_threads";
(parentPort ?? process).on("message", () => { ${does} });`;
  writeFileSync(path, source);
  return pathToFileURL(path);
}

describe.each(["worker", "process"] as const)("a parser in a %s of its own", (isolation) => {
  it("may die: the call fails with a tag, and so does the next, in a new one", async () => {
    const port = createRemotePort(isolation, 20_000, parserThat("dies", "process.exit(3);"));
    for (let i = 0; i < 2; i++)
      await expect(port.describe("/some/file.h5")).rejects.toMatchObject({
        tag: "hdf5-parser-lost",
        details: { path: "/some/file.h5" },
      });
    await port.dispose();
  });

  it("may never answer, even with its thread blocked", async () => {
    const port = createRemotePort(isolation, 300, parserThat("hangs", "for (;;);"));
    await expect(port.describe("/some/file.h5")).rejects.toMatchObject({ tag: "hdf5-timeout" });
    await port.dispose();
  });

  it("can be given up in the middle of a call", async () => {
    const port = createRemotePort(isolation, 20_000, parserThat("waits", ""));
    const call = expect(port.describe("/some/file.h5")).rejects.toMatchObject({ tag: "aborted" });
    await port.dispose();
    await call;
  });

  it.skipIf(!demanded && !existsSync(built))("tells errors as they are (needs the build)", async () => {
    const port = createRemotePort(isolation, 20_000);
    await expect(port.describe("/no/such/file.h5")).rejects.toMatchObject({
      tag: "file-not-found",
      details: { path: "/no/such/file.h5" },
    });
    await port.dispose();
  });
});

describe.skipIf(!demanded && !(existsSync(built) && existsSync(aframe)))(
  "a file on which the HDF5 library never ends (needs ../shared/fixtures and the build)",
  () => {
    it("is given up after the time limit", async () => {
      const file = readFileSync(aframe);
      file[3544]! ^= 1 << 3;
      const path = join(folder, "endless.h5");
      writeFileSync(path, file);
      const port = createRemotePort("worker", 3000);
      const reading = (async () => {
        const facts = await port.describe(path);
        for (const { dataset, size } of facts.channels)
          await port.read({ ...facts, dataset, from: 0, count: size });
      })();
      await expect(reading).rejects.toMatchObject({ tag: "hdf5-timeout" });
      await port.dispose();
    });
  },
);
