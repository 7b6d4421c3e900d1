import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { EventItem } from "@strainflow/series";
import { afterAll, describe, expect, it } from "vitest";
import { openEventTable } from "./open-event-table.ts";
import { event, expected } from "./testing/written-events.ts";
import { writeEventTable } from "./write-event-table.ts";

const built = fileURLToPath(new URL("../dist/worker.js", import.meta.url));
const skipUnbuilt = process.env.STRAINFLOW_REQUIRE !== "all" && !existsSync(built);
const folder = mkdtempSync(join(tmpdir(), "strainflow-events-apart-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(skipUnbuilt)("openEventTable elsewhere (needs the built worker)", () => {
  it.each(["worker", "process"] as const)(
    "reads the same in a %s, and stops when told to",
    async (isolation) => {
      const path = join(folder, `${isolation}.h5`);
      const events = Array.from({ length: 600 }, (_, i) => event(i, (i * 7) % 90, i % 5));
      await writeEventTable(path, events);
      const table = await openEventTable(path, { isolation });
      const found: EventItem[] = [];
      for await (const item of table) found.push(item);
      expect(found).toEqual(events.map(expected));

      const control = new AbortController();
      const seen: number[] = [];
      const run = async (): Promise<void> => {
        for await (const { index } of table.events({ signal: control.signal })) {
          seen.push(index);
          if (index === 4) control.abort(new Error("enough"));
        }
      };
      await expect(run()).rejects.toThrow("enough");
      expect(seen).toEqual([0, 1, 2, 3, 4]);
    },
  );
});
