import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { renderReport } from "./render-report.ts";
import { syntheticReport } from "./testing/synthetic-report.ts";
import { writeReport } from "./write-report.ts";

describe("writeReport", () => {
  const data = syntheticReport({ detections: 1 });
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "strainflow-report-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("writes the page, over an older one too, and leaves nothing else", async () => {
    const path = join(folder, "out", "demo", "report.html");
    await writeReport(path, syntheticReport({ detections: 0 }));
    await writeReport(path, data);
    expect(await readFile(path, "utf8")).toBe(renderReport(data));
    expect(await readdir(join(folder, "out", "demo"))).toEqual(["report.html"]);
  });

  it("leaves what was there, and no half page, where it cannot write", async () => {
    const inTheWay = join(folder, "way");
    await writeReport(join(inTheWay, "report.html", "inside.html"), data);
    await expect(writeReport(join(inTheWay, "report.html"), data)).rejects.toThrow(
      /EISDIR|EEXIST|ENOTEMPTY|EPERM/,
    );
    expect(await readdir(inTheWay)).toEqual(["report.html"]);
    await writeFile(join(folder, "file"), "");
    await expect(writeReport(join(folder, "file", "report.html"), data)).rejects.toThrow();
  });
});
