import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { describeInBrowser, launchBrowser } from "../../../../test/support/chromium.ts";
import { createPrometheusEndpoint, type PrometheusEndpoint } from "../prometheus-endpoint.ts";
import { activity, away, client, served } from "../testing/samples.ts";

describeInBrowser("the monitor's page in a browser", () => {
  let browser: Browser;
  let endpoint: PrometheusEndpoint;
  let faults: string[] = [];

  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    faults = [];
    endpoint = await createPrometheusEndpoint();
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    await endpoint.close();
    expect(faults).toEqual([]);
  });

  const LONG = "second-with-a-name-that-is-rather-long";
  const pipeline = (requests: number) =>
    served([
      activity("pipe", requests, { steps: ["first", LONG] }),
      activity("first", requests, { stepOf: ["pipe"] }),
      activity(LONG, requests, { batch: 8, stepOf: ["pipe"] }),
    ]);

  async function open(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    const page = await context.newPage();
    page.on("console", (message) => faults.push(message.text()));
    page.on("pageerror", (error) => faults.push(error.message));
    await page.goto(endpoint.pageUrl);
    return page;
  }
  const textOf = async (page: Page, where: string): Promise<string> =>
    (await page.locator(where).allInnerTexts()).join("\n");

  it("changes by itself, and says so when nothing comes any more", async () => {
    const page = await open();
    expect(await textOf(page, "main")).toBe("No server has been asked yet.");
    for (const requests of [20, 30]) {
      endpoint.write(pipeline(requests));
      await expect
        .poll(() => textOf(page, "main"), { timeout: 20_000 })
        .toMatch(new RegExp(`pipe 1\\s+${requests}\\s`));
    }
    endpoint.write(away("triton-1:8002"));
    await expect.poll(() => textOf(page, ".away"), { timeout: 20_000 }).toContain("away for 3 s");
    expect(await textOf(page, "#state")).toContain("Alive");
    await endpoint.close();
    await expect.poll(() => textOf(page, "#state"), { timeout: 20_000 }).toContain("not been heard of");
    // The browser's own words of a server that is gone, as it asks again.
    faults = faults.filter((fault) => !fault.includes("ERR_CONNECTION_REFUSED"));
  });

  it("shows names that look like markup as names, and lets nothing in them run", async () => {
    const evil = "<img src=x onerror=document.title='hacked'><script>document.title='hacked'</script>";
    endpoint.write(served([activity(evil, 1)]));
    const page = await open();
    await expect.poll(() => textOf(page, "#state"), { timeout: 20_000 }).toContain("Alive");
    expect(await textOf(page, "tbody th")).toContain(evil);
    expect(await page.locator("img").count()).toBe(0);
    expect(await page.title()).toBe("strainflow monitor");
  });

  it.each([
    [390, "light", "rgb(255, 255, 255)"],
    [390, "dark", "rgb(18, 21, 24)"],
    [1280, "dark", "rgb(18, 21, 24)"],
  ] as const)(
    "is as wide as a window of %i px, in %s colours, with steps moved in",
    async (width, colorScheme, ground) => {
      for (const sample of [pipeline(20), client]) endpoint.write(sample);
      const page = await open({ colorScheme, viewport: { width, height: 800 } });
      const seen = await page.evaluate(`({
      width: document.documentElement.scrollWidth,
      ground: getComputedStyle(document.documentElement).backgroundColor,
      ink: getComputedStyle(document.documentElement).color,
      moved: [...document.querySelectorAll("tbody th")].map((head) => getComputedStyle(head).paddingLeft),
      line: getComputedStyle(document.querySelector("path")).fill,
    })`);
      expect(seen).toMatchObject({ width, ground, moved: ["0px", "18px", "18px", "0px"], line: "none" });
    },
  );
});
