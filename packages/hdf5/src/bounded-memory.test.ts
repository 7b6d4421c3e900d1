import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { timeSeries } from "@strainflow/series";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createHdf5Writer } from "./create-hdf5-writer.ts";
import { openHdf5 } from "./open-hdf5.ts";

const RATE = 4096;
const SECONDS = 320;
const START = 1_000_000_000 * RATE;

describe("a long read", () => {
  let folder: string;
  let path: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "strainflow-hdf5-"));
    path = join(folder, "H-H1_LONG-1000000000-320.hdf5");
    const writer = createHdf5Writer(path, { layout: "gwosc", compression: "none" });
    const data = [Float64Array.from({ length: SECONDS * RATE }, (_, n) => 1e-21 * ((n % 977) - 488))];
    await writer.write(
      timeSeries({ quantity: "strain", channels: ["H1"], sampleRate: RATE, start: START, data }),
    );
    await writer.close();
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("lets go of what it has given out, while it goes on", async () => {
    setFlagsFromString("--expose-gc");
    const collectGarbage = runInNewContext("gc") as () => void;
    const source = await openHdf5(path, { isolation: "none" });
    const buffers: WeakRef<ArrayBufferLike>[] = [];
    const { signal } = new AbortController();
    let alive = 0;
    for await (const block of source.readers.get("H1")!.blocks({ signal })) {
      if (block.kind === "series") buffers.push(new WeakRef(block.data[0]!.buffer));
      if (buffers.length !== SECONDS) continue;
      await turn();
      collectGarbage();
      alive = new Set(buffers.flatMap((buffer) => buffer.deref() ?? [])).size;
    }
    expect(buffers).toHaveLength(SECONDS);
    // The one in use, and the next; there are ten.
    expect(alive).toBeLessThanOrEqual(2);
  });
});
