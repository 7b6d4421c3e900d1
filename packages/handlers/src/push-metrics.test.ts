import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { pushMetrics } from "./push-metrics.ts";

const server = { url: "http://127.0.0.1:8081", metrics: async () => "up 1\n", close: async () => undefined };
let stop: () => void = () => undefined;
afterEach(() => stop());

interface Pushed {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly body: string;
}

async function gateway(status: () => number): Promise<{ url: string; pushed: Pushed[] }> {
  const pushed: Pushed[] = [];
  const http = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    pushed.push({ method: request.method, url: request.url, body });
    response.writeHead(status()).end("no room");
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  stop = () => {
    http.closeAllConnections();
    http.close();
  };
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, pushed };
}

test("metrics are pushed at an interval and at the end, as one group of the job and the server", async () => {
  const { url, pushed } = await gateway(() => 200);
  const push = pushMetrics(server, { url: `${url}/`, intervalMs: 10 });
  await expect.poll(() => pushed.length).toBeGreaterThan(1);
  const before = pushed.length;
  await push.close();
  expect(pushed.length).toBeGreaterThan(before);
  const [first] = pushed;
  expect(first).toMatchObject({ method: "PUT", body: "up 1\n" });
  const instance = Buffer.from(server.url).toString("base64url");
  expect(first?.url).toBe(`/metrics/job/strainflow_handler/instance@base64/${instance}`);
});

test("a push that fails is told, and the next is tried", async () => {
  let status = 507;
  const { url, pushed } = await gateway(() => status);
  const told: string[] = [];
  const push = pushMetrics(server, {
    url,
    intervalMs: 10,
    onFailure: ({ tag, message }) => told.push(tag, message),
  });
  await expect.poll(() => told.length).toBeGreaterThan(1);
  expect(told.slice(0, 2)).toEqual([
    "push-failed",
    `${url}/ takes no metrics (507 Insufficient Storage: no room); it is tried again`,
  ]);
  status = 200;
  const before = pushed.length;
  await expect.poll(() => pushed.length).toBeGreaterThan(before + 1);
  await push.close();
  expect(() => pushMetrics(server, { url: "gateway:9091" })).toThrow("http://127.0.0.1:9091");
});
