import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { describeInBrowser, launchBrowser } from "../../../test/support/chromium.ts";
import { syntheticReport } from "./testing/synthetic-report.ts";
import { writeReport } from "./write-report.ts";

describeInBrowser("the report in a browser", () => {
  let browser: Browser;
  let folder = "";
  let faults: string[] = [];
  let requests: string[] = [];
  const data = syntheticReport();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "strainflow-page-"));
    await writeReport(join(folder, "report.html"), data);
    const evil = "</script><script>hacked=1</script><img src=x onerror=hacked=1>";
    await writeReport(join(folder, "evil.html"), {
      ...data,
      title: evil,
      series: data.series.map((series) => ({ ...series, name: evil, unit: evil })),
      segments: data.segments.map((s) => (s.reason === undefined ? s : { ...s, reason: evil })),
    });
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    expect(faults).toEqual([]);
    expect(requests.filter((url) => !url.startsWith("file:") && !url.startsWith("data:"))).toEqual([]);
    expect(requests.filter((url) => url.startsWith("file:")).length).toBe(1);
  });

  async function open(options: BrowserContextOptions = {}, name = "report.html"): Promise<Page> {
    const context = await browser.newContext({
      viewport: { width: 1280, height: 2000 },
      reducedMotion: "reduce",
      ...options,
    });
    const page = await context.newPage();
    faults = [];
    requests = [];
    page.on("console", (message) => faults.push(`${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("request", (request) => requests.push(request.url()));
    await page.goto(pathToFileURL(join(folder, name)).href);
    return page;
  }

  const picture = (page: Page, place: number) =>
    page.evaluate(`document.querySelectorAll("#run canvas")[${place}].toDataURL()`);
  const plotWidth = (page: Page) => page.evaluate("document.querySelector('#run .uplot').offsetWidth");
  const readout = (page: Page) => page.locator("#run .bar output");

  it("draws the run and the first detection's panels, from a file, with no fault and no request", async () => {
    const page = await open();
    expect(await page.locator("#run canvas").count()).toBe(5);
    expect(await page.locator("#detection-1 canvas").count()).toBe(6);
    expect(await page.locator("#detection-2 canvas").count()).toBe(0);
    // Each canvas has more than one colour in it.
    const drawn = await page.evaluate(
      "[...document.querySelectorAll('canvas')].map((c) => new Set(new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)).size)",
    );
    for (const colours of drawn as number[]) expect(colours).toBeGreaterThan(8);
  });

  it("opens a detection's panels from its row in the table", async () => {
    const page = await open();
    await page.locator("table.detections tbody tr").nth(1).locator("td").nth(3).click();
    await page.locator("#detection-2 canvas").first().waitFor();
    expect(await page.locator("#detection-2[open] canvas").count()).toBe(6);
    expect(
      await page.evaluate("document.activeElement === document.querySelector('#detection-2 summary')"),
    ).toBe(true);
  });

  it("opens them from the marks on the time axis by keyboard alone", async () => {
    const page = await open();
    const mark = page.locator("#run .lane a").nth(2);
    expect(await mark.getAttribute("aria-label")).toContain("Detection 3, GPS ");
    await mark.focus();
    await page.keyboard.press("Enter");
    await page.locator("#detection-3[open] canvas").first().waitFor();
    await page.keyboard.press("Enter");
    expect(await page.locator("#detection-3[open]").count()).toBe(0);
  });

  it("moves the cursor and zooms by keys", async () => {
    const page = await open();
    await page.locator("#run .plots").focus();
    await page.keyboard.press("ArrowRight");
    expect(await readout(page).textContent()).toContain("GPS 1000000129.280  2011-09-14 01:48:34.280 UTC");
    for (const key of ["+", "+", "Escape"]) await page.keyboard.press(key);
    expect(await readout(page).textContent()).toBe("GPS 1000000096.960 to 1000000160.960");
    expect(await page.locator("#run .lane a:visible").count()).toBe(1);
    await page.keyboard.press("0");
    expect(await readout(page).textContent()).toBe("GPS 1000000000.000 to 1000000256.000");
    const outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle");
    expect(outline).toBe("solid");
  });

  it("reaches all there is to use with the Tab key, and shows where it is", async () => {
    const page = await open();
    const reached: string[] = [];
    for (let i = 0; i < 40; i++) {
      await page.keyboard.press("Tab");
      const where = await page.evaluate(
        "(() => { const n = document.activeElement; return [n.closest('#run') ? 'run' : 'page', n.tagName, n.className, getComputedStyle(n).outlineStyle].join(' '); })()",
      );
      reached.push(String(where));
    }
    for (const what of [
      "page A ",
      "page DIV scroll",
      "run BUTTON ",
      "run A ",
      "run DIV plots",
      "page SUMMARY ",
      "page DIV plots",
    ])
      expect(reached).toContain(`${what} solid`);
  });

  it("shows one cursor in all plots, each with its value, and names a gap", async () => {
    const page = await open();
    const box = await page.locator("#run .u-over").nth(3).boundingBox();
    if (box === null) throw new Error("the plot has no place");
    await page.mouse.move(box.x + box.width * (100 / 256), box.y + 10);
    const places = await page.evaluate(
      "[...document.querySelectorAll('#run .u-cursor-x')].map((line) => line.style.transform)",
    );
    expect(new Set(places as string[]).size).toBe(1);
    expect(await readout(page).textContent()).toMatch(/^GPS 1000000(099|100)\.\d{3} /);
    for (const value of await page.locator("#run .row-head output").allTextContents())
      expect(value).not.toBe("");
    expect(await page.locator("#run .tip").isVisible()).toBe(false);
    await page.mouse.move(box.x + box.width * (155 / 256), box.y + 10);
    expect(await page.locator("#run .tip").textContent()).toBe("Not searched: no data (L1)");
    expect(await page.locator("#run .tip").isVisible()).toBe(true);
  });

  it("zooms all plots by dragging, and back by a double click", async () => {
    const page = await open();
    const box = await page.locator("#run .u-over").nth(1).boundingBox();
    if (box === null) throw new Error("the plot has no place");
    const before = await picture(page, 4);
    await page.mouse.move(box.x + box.width * 0.25, box.y + 30);
    await page.mouse.down();
    // Out of the plot it began in: rows are low.
    await page.mouse.move(box.x + box.width * 0.5, box.y + 160, { steps: 6 });
    await page.mouse.up();
    await page.mouse.move(2, 2);
    expect(await readout(page).textContent()).toMatch(
      /^GPS 10000000(63|64)\.\d{3} to 1000000(127|128)\.\d{3}$/,
    );
    expect(await picture(page, 4)).not.toBe(before);
    await page.mouse.dblclick(box.x + 50, box.y + 30);
    await page.mouse.move(2, 2);
    expect(await readout(page).textContent()).toBe("GPS 1000000000.000 to 1000000256.000");
  });

  it("follows the reader's theme, canvases too, while it is open", async () => {
    const page = await open({ colorScheme: "dark" });
    const ground = () => page.evaluate("getComputedStyle(document.documentElement).backgroundColor");
    const canvas = () => picture(page, 0);
    expect(await ground()).toBe("rgb(18, 21, 24)");
    const dark = await canvas();
    await page.emulateMedia({ colorScheme: "light" });
    expect(await ground()).toBe("rgb(255, 255, 255)");
    await expect.poll(canvas).not.toBe(dark);
  });

  it("goes on paper in light colours, as wide as the sheet", async () => {
    const page = await open({ colorScheme: "dark" });
    const before = await plotWidth(page);
    await page.evaluate("dispatchEvent(new Event('beforeprint'))");
    await expect.poll(() => plotWidth(page)).toBe(704);
    const ink = await page.evaluate(
      "(() => { const c = document.querySelector('#run canvas'); const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let dark = 0; for (let i = 0; i < d.length; i += 4) if (d[i + 3] > 200 && d[i] < 60) dark++; return dark; })()",
    );
    expect(ink).toBeGreaterThan(500);
    await page.evaluate("dispatchEvent(new Event('afterprint'))");
    await expect.poll(() => plotWidth(page)).toBe(before);
    expect((await page.pdf({ format: "A4" })).length).toBeGreaterThan(20_000);
  });

  it("fits a narrow screen", async () => {
    const page = await open({ viewport: { width: 400, height: 800 } });
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(400);
    const widths = await page.evaluate(
      "[...document.querySelectorAll('.uplot')].map((plot) => plot.offsetWidth)",
    );
    for (const width of widths as number[]) expect(width).toBeLessThanOrEqual(368);
  });

  it("runs nothing that stands in a name", async () => {
    const page = await open({}, "evil.html");
    expect(await page.locator("#run canvas").count()).toBe(5);
    expect(await page.evaluate("typeof hacked")).toBe("undefined");
    expect(await page.locator("h1").textContent()).toContain("<script>hacked=1</script>");
    expect(await page.locator("img").count()).toBe(0);
  });
});
