import { connect } from "node:net";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { createPrometheusEndpoint, type PrometheusEndpoint } from "../prometheus-endpoint.ts";
import { activity, away, client, served } from "../testing/samples.ts";
import { createActivityHistory } from "./activity-history.ts";
import { renderActivity } from "./render-activity.ts";
import { curve } from "./render-curve.ts";

const pipeline = served([
  activity("first", 20, { stepOf: ["pipe"] }),
  activity("pipe", 20, { steps: ["second", "first"] }),
  activity("second", 20, { batch: 8, stepOf: ["pipe"], reset: true }),
]);

/** Text between tags. */
const words = (html: string): string =>
  html
    .replace(/<[^>]*>/g, " ")
    .replace(/\s+/g, " ")
    .trim();

describe("what a page shows", () => {
  it("is each server with its ensembles and their steps, and clients beside", () => {
    const history = createActivityHistory();
    expect(words(renderActivity(history).markup)).toBe("No server has been asked yet.");
    for (const sample of [pipeline, away("triton-2"), client]) history.add(sample);
    const html = renderActivity(history).markup;
    expect(words(html)).toMatch(
      /triton-1:8002 last 1 s, until 14:51:40 UTC model requests\/s .* request pipe 1 20 20 1 /,
    );
    expect(html.indexOf(">second ")).toBeGreaterThan(html.indexOf(">pipe "));
    expect(html.indexOf(">first ")).toBeGreaterThan(html.indexOf(">second "));
    expect(words(html)).toContain("second 1, loaded anew");
    expect(words(html)).toContain(
      "triton-2 away for 3 s http://triton-2/metrics cannot be reached (so it goes)",
    );
    expect(words(html)).toContain("client answers p50 p90 p99 p99.9 h1 12 1.5 ms 2 ms 9 ms 1.2 s");
  });

  it("keeps five minutes of each model, and nothing of one that was unloaded", () => {
    const history = createActivityHistory();
    const points = (model: string) => history.servers()[0]?.points(model, "1") ?? [];
    for (let i = 0; i < 400; i++)
      history.add(served([activity("a", i), activity("b", 0)], { timestampMs: i }));
    expect(points("a").map(({ timestampMs }) => timestampMs)).toEqual(
      Array.from({ length: 300 }, (_, i) => i + 100),
    );
    // The figures of a server that is away stand, and are marked; those of a model that is gone do not.
    history.add(away("triton-1:8002"));
    expect(renderActivity(history).markup).toContain('class="stale"');
    history.add(served([activity("a", 1)]));
    expect(points("b")).toEqual([]);
    expect(renderActivity(history).markup).not.toContain('class="stale"');
  });

  it("takes nothing that a server says for anything but text", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."<>&\"'/abc=") }), (name) => {
        const history = createActivityHistory();
        const evil = { ...away(name), server: name };
        history.add(served([activity(name, 1)], { server: `s${name}` }));
        history.add({ ...client, client: name });
        history.add(evil);
        const plain = createActivityHistory();
        plain.add(served([activity("x", 1)], { server: "sx" }));
        plain.add({ ...client, client: "x" });
        plain.add({ ...away("x"), server: "x" });
        const tags = (html: string): string[] => html.match(/<[a-z/][^>]*>/g) ?? [];
        expect(tags(renderActivity(history).markup).toSorted()).toEqual(
          tags(renderActivity(plain).markup).toSorted(),
        );
      }),
      { numRuns: 100 },
    );
  });

  it("has curves from zero to their largest value, with holes where nothing was", () => {
    const path = (values: readonly (number | undefined)[]): string =>
      / d="([^"]*)"/.exec(curve(values, "x").markup)?.[1] ?? "";
    expect(path([0, 5, 10])).toBe("M0.0 27.0h0L80.0 14.0L160.0 1.0");
    expect(path([3, undefined, 3])).toBe("M0.0 1.0h0M160.0 1.0h0");
    expect(path([])).toBe("");
    expect(path([0])).toBe("M0.0 27.0h0");
  });
});

describe("the page of the endpoint", () => {
  const open: PrometheusEndpoint[] = [];
  afterEach(async () => {
    for (const endpoint of open.splice(0)) await endpoint.close();
  });
  async function opened(): Promise<PrometheusEndpoint> {
    const endpoint = await createPrometheusEndpoint();
    open.push(endpoint);
    return endpoint;
  }

  it("has all that is known when it is loaded, and may load nothing from elsewhere", async () => {
    const endpoint = await opened();
    endpoint.write(pipeline);
    const answer = await fetch(endpoint.pageUrl);
    expect(answer.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(answer.headers.get("content-security-policy")).toBe("frame-ancestors 'none'");
    const page = await answer.text();
    expect(page).toMatch(/default-src &#39;none&#39;; script-src &#39;sha256-.*; style-src &#39;sha256-/);
    expect(words(page)).toContain("triton-1:8002 last 1 s");
    expect(page).not.toMatch(/ (?:src|style)=|href="(?!data:,)/);
  });

  it("tells those who look at it what has changed, and ends with the endpoint", async () => {
    const endpoint = await opened();
    const answer = await fetch(`${endpoint.pageUrl}events`);
    expect(answer.headers.get("content-type")).toBe("text/event-stream");
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
    const events: string[] = [];
    let text = "";
    const until = async (what: string): Promise<void> => {
      while (!events.some((event) => event.includes(what))) {
        const { value = "", done } = await reader.read();
        if (done) throw new Error("it ended");
        const parts = (text + value).split("\n\n");
        text = parts.pop() ?? "";
        for (const part of parts) events.push(String(JSON.parse(part.replace(/^data: /, ""))));
      }
    };
    await until("No server has been asked yet");
    endpoint.write(pipeline);
    await until("triton-1:8002");
    await endpoint.close();
    // Its connection may go before its last word.
    const over = { done: true } as const;
    for (;;) if ((await reader.read().catch(() => over)).done) break;
  });

  it("turns away more readers than it can serve, and serves again when some have left", async () => {
    const endpoint = await opened();
    const { port } = new URL(endpoint.pageUrl);
    const statusOf = () =>
      new Promise<{ readonly status: string; readonly leave: () => void }>((resolve, reject) => {
        const socket = connect(Number(port), "127.0.0.1", () =>
          socket.write("GET /events HTTP/1.1\r\nhost: x\r\n\r\n"),
        );
        socket.once("data", (data) =>
          resolve({ status: data.toString().split(" ")[1] ?? "", leave: () => socket.destroy() }),
        );
        socket.once("error", reject);
      });
    const readers = await Promise.all(Array.from({ length: 64 }, statusOf));
    expect(new Set(readers.map(({ status }) => status))).toEqual(new Set(["200"]));
    const late = await statusOf();
    expect(late.status).toBe("503");
    late.leave();
    for (const { leave } of readers) leave();
    await expect
      .poll(
        async () => {
          const { status, leave } = await statusOf();
          leave();
          return status;
        },
        { timeout: 20_000 },
      )
      .toBe("200");
  });
});
