import { request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { type HandlerServer, serveHandler } from "./serve-handler.ts";
import type { ServeHandlerOptions } from "./serve-options.ts";

const fixture = (name: string): string => fileURLToPath(new URL(`./testing/${name}.ts`, import.meta.url));

const open: HandlerServer[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close(100);
});

async function serve(options: Partial<ServeHandlerOptions> = {}): Promise<HandlerServer> {
  const server = await serveHandler({
    path: fixture("misbehaving"),
    port: 0,
    processes: 2,
    workers: 1,
    ...options,
  });
  open.push(server);
  return server;
}

/** On a connection of its own, which comes to the next process in turn. */
function ask(url: string, body?: unknown, headers: Record<string, string> = {}): Promise<[number, string]> {
  return new Promise((resolve, reject) => {
    const options = { method: body === undefined ? "GET" : "POST", agent: false, headers };
    const sent = request(url, options, (response) => {
      let text = "";
      response.on("data", (part: Buffer) => {
        text += part.toString();
      });
      response.on("error", reject);
      response.on("end", () => resolve([response.statusCode ?? 0, text]));
    });
    sent.on("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

const READY = JSON.stringify({ ready: true, workers: { ready: 2, wanted: 2 } });

describe("a handler served by two processes", () => {
  test("answers on whatever connection, and tells of all workers with their process", async () => {
    const server = await serve();
    for (let i = 0; i < 8; i++) {
      const [status, text] = await ask(server.url, { data: [i, i + 1] });
      expect([status, JSON.parse(text)]).toEqual([200, { data: [2 * i, 2 * i + 2] }]);
    }
    const pages = [await server.metrics(), (await ask(`${server.url}/metrics`))[1]];
    for (const page of pages) {
      expect(page).toContain('strainflow_handler_requests_total{status="200"} 8\n');
      for (const process of [0, 1])
        expect(page).toContain(`strainflow_handler_items_total{process="${process}",worker="0"} 8\n`);
      expect(page).toContain('strainflow_handler_request_seconds_bucket{le="+Inf"} 8\n');
    }
    expect(await ask(`${server.url}/health`)).toEqual([
      200,
      JSON.stringify({ ready: true, workers: { ready: 2, wanted: 2 } }),
    ]);
  });

  test("asks for the token in each, and says what is wrong with a handler or a port", async () => {
    const server = await serve({ token: "sesame" });
    for (const _ of [0, 1]) {
      expect((await ask(server.url, { data: [1] }))[0]).toBe(401);
      expect((await ask(server.url, { data: [1] }, { authorization: "Bearer sesame" }))[0]).toBe(200);
    }
    await expect(serve({ path: fixture("nowhere") })).rejects.toMatchObject({ tag: "handler-not-loaded" });
    const port = Number(new URL(server.url).port);
    await expect(serve({ port })).rejects.toMatchObject({ tag: "address-in-use" });
    await expect(serve({ processes: 0 })).rejects.toMatchObject({ tag: "invalid-option" });
  });

  test("tells of a worker that died in one of them, and goes on", async () => {
    const lines: string[] = [];
    const server = await serve({ log: (line) => lines.push(line) });
    for (let i = 0; i < 4; i++) await ask(server.url, { data: [i] });
    await server.metrics();
    await ask(server.url, { data: ["exit"] });
    while ((await ask(`${server.url}/health`))[1] !== READY) await pause(20);
    expect(lines.join()).toContain("worker 0 is gone");
    expect(await server.metrics()).toMatch(
      /strainflow_handler_workers_lost_total\{process="[01]",worker="0"\} 1/,
    );
  });

  test("answers what is under way when it closes, and nothing after", async () => {
    const server = await serve();
    const slow = Promise.all([0, 1].map(() => ask(server.url, { data: ["slow"] })));
    await pause(150);
    const closed = server.close(5000);
    for (const [status, text] of await slow) expect([status, text]).toEqual([200, expect.any(String)]);
    await closed;
    await expect(ask(server.url, { data: [1] })).rejects.toThrow();
  });
});
