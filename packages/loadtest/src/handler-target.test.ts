import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { concurrencies, loadTest, rates } from "./index.ts";

const quick = { warmupMs: 20, windowMs: 150, maxWindows: 2, windowRequests: 5 } as const;
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function serve(
  handle: (body: Buffer, request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request
      .on("data", (part: Buffer) => parts.push(part))
      .on("end", () => handle(Buffer.concat(parts), request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}/predict`;
}

describe("a load test of an HTTP handler", () => {
  it("sends JSON bodies in turn at a rate, and holds the answers against what is expected", async () => {
    const seen: string[] = [];
    const url = await serve((body, request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers["content-type"]} ${body}`);
      const { x } = JSON.parse(body.toString()) as { x: number };
      response.end(JSON.stringify({ y: 2 * x }));
    });
    const target = { url, bodies: [{ x: 1 }, { x: 2 }], expected: ['{"y":2}', '{"y":4}'] };
    const result = await loadTest({ target, loads: rates({ start: 200 }), ...quick });
    const [level] = result.levels;
    expect(result.subject).toMatchObject({ kind: "handler", protocol: "http" });
    expect(level).toMatchObject({ failed: 0, wrong: 0, unanswered: 0 });
    expect(Math.abs(level!.requests - 200 * level!.seconds)).toBeLessThanOrEqual(2);
    expect(seen[0]).toBe('POST /predict application/json {"x":1}');
    expect(seen[1]).toBe('POST /predict application/json {"x":2}');
    const off = { ...target, expected: ['{"y":2}', '{"y":5}'] };
    const wrong = await loadTest({ target: off, loads: rates({ start: 100 }), ...quick });
    expect(wrong.levels[0]!.wrong).toBeGreaterThan(3);
    expect(wrong.levels[0]!.wrongs[0]).toBe(
      String.raw`the answer to body 1 is "{\"y\":4}", expected "{\"y\":5}"`,
    );
  });

  it("sends bytes as they are, and answers have to equal the first one", async () => {
    let answered = 0;
    const url = await serve((body, request, response) => {
      expect(request.headers["content-type"]).toBe("application/octet-stream");
      response.end(answered++ < 10 ? body : "other");
    });
    const target = { url, body: Uint8Array.of(1, 2, 255), check: "first" } as const;
    const result = await loadTest({ target, loads: concurrencies({ start: 3 }), ...quick });
    expect(result.levels[0]!.wrong).toBeGreaterThan(0);
    expect(answered).toBeGreaterThan(10);
  });

  it("counts statuses that are no answers, and what hangs up", async () => {
    let asked = 0;
    const url = await serve((_, __, response) => {
      if (asked++ % 2 === 0) response.writeHead(503).end("too much of it");
      else response.destroy();
    });
    const result = await loadTest({ target: { url }, loads: concurrencies({ start: 1 }), ...quick });
    const [level] = result.levels;
    expect(level!.failed).toBe(level!.requests);
    expect(level!.latency).toBeUndefined();
    expect(level!.errors.map(({ message }) => message)).toContain("HTTP 503: too much of it");
    expect(level!.errors).toHaveLength(2);
  });

  it("gives up what takes too long", async () => {
    const url = await serve(() => undefined);
    const result = await loadTest({
      target: { url },
      loads: concurrencies({ start: 2 }),
      ...quick,
      timeoutMs: 50,
      windowMs: 1500,
    });
    expect(result.levels[0]!.failed).toBeGreaterThan(0);
    expect(result.levels[0]!.errors[0]?.message).toMatch(/timeout/i);
  });

  it("takes only what it can send", async () => {
    const loads = concurrencies({ start: 1 });
    await expect(loadTest({ target: { url: "ftp://x" }, loads })).rejects.toMatchObject({
      tag: "invalid-option",
    });
    const target = { url: "http://x", bodies: [1, 2], expected: ["1"] };
    await expect(loadTest({ target, loads })).rejects.toMatchObject({
      message: expect.stringContaining("2, one for each body"),
    });
  });
});
