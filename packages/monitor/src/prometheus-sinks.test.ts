import { setTimeout as pause } from "node:timers/promises";
import { type PushState, parseMetrics } from "@strainflow/metrics";
import { describe, expect, test } from "vitest";
import { createPrometheusEndpoint } from "./prometheus-endpoint.ts";
import { createPushgatewaySink } from "./pushgateway-sink.ts";
import { servePages } from "./testing/metrics-server.ts";
import { activity, away, client, served } from "./testing/samples.ts";

function valuesOf(page: string): Map<string, number> {
  const { samples, problems } = parseMetrics(page);
  expect(problems).toEqual([]);
  return new Map(
    samples.map(({ name, labels, value }) => [
      `${name.replace("strainflow_", "")} ${[...labels.values()].join(" ")}`,
      value,
    ]),
  );
}

const at = "triton-1:8002";

describe("the endpoint for Prometheus", () => {
  test("has counters that never fall, gauges of the last interval, and clients", async () => {
    const endpoint = await createPrometheusEndpoint();
    const page = async () => valuesOf(await (await fetch(endpoint.url)).text());
    try {
      expect(await page()).toEqual(new Map());
      const seen = {
        kind: "seen",
        server: at,
        host: "",
        timestampMs: 0,
        models: [{ model: "a", version: "1" }],
      } as const;
      endpoint.write(seen);
      expect(Object.fromEntries(await page())).toMatchObject({
        [`server_up ${at}`]: 1,
        [`model_requests_total ${at} a 1`]: 0,
      });
      endpoint.write(served([activity("a", 5, { batch: 8, pending: 3, stepOf: ["pipe"] })]));
      endpoint.write(
        served([
          activity("a", 2, { reset: true, stepOf: ["pipe"], quantiles: { us: new Map([["0.5", 4]]) } }),
        ]),
      );
      endpoint.write(client);
      const told = await page();
      expect(Object.fromEntries(told)).toMatchObject({
        [`server_up ${at}`]: 1,
        [`model_requests_total ${at} a 1`]: 7,
        [`model_inferences_total ${at} a 1`]: 42,
        [`model_duration_seconds_total ${at} a 1 queue`]: 0.0007,
        [`model_resets_total ${at} a 1`]: 1,
        [`model_latency_seconds ${at} a 1 request`]: 0.001,
        [`model_mean_batch_size ${at} a 1`]: 1,
        [`model_request_quantile_seconds ${at} a 1 0.5`]: 4e-6,
        [`model_step_info ${at} pipe a`]: 1,
        "client_latency_seconds h1 0.999": 1.2,
        "client_latency_seconds_count h1": 12,
      });
      expect(told.has(`model_pending_requests ${at} a 1`)).toBe(false);
      endpoint.write(away(at));
      const gone = await page();
      expect(gone.get(`server_up ${at}`)).toBe(0);
      expect(gone.get(`model_requests_total ${at} a 1`)).toBe(7);
      expect(gone.has(`model_latency_seconds ${at} a 1 request`)).toBe(false);
    } finally {
      await endpoint.close();
    }
  });

  test("answers what it can, and only that", async () => {
    const endpoint = await createPrometheusEndpoint();
    try {
      const head = await fetch(endpoint.url, { method: "HEAD" });
      expect([head.status, head.headers.get("content-type"), await head.text()]).toEqual([
        200,
        "text/plain; version=0.0.4; charset=utf-8",
        "",
      ]);
      expect((await fetch(new URL("/nope", endpoint.url))).status).toBe(404);
      expect((await fetch(endpoint.url, { method: "POST", body: "x" })).status).toBe(405);
      const { port } = new URL(endpoint.url);
      await expect(createPrometheusEndpoint({ port: Number(port) })).rejects.toMatchObject({
        tag: "address-in-use",
      });
    } finally {
      await endpoint.close();
    }
    await expect(fetch(endpoint.url)).rejects.toThrow();
  });
});

describe("pushing to a Pushgateway", () => {
  test("is done at an interval and at the end, into a group of its own, with the URL's password", async () => {
    await using gateway = await servePages((_, response) => response.end());
    const url = gateway.url.replace("//", "//user:p%40ss@");
    const sink = createPushgatewaySink(url, {
      intervalMs: 10,
      job: "my job",
      grouping: { site: "a/b", empty: "" },
    });
    await sink.write(served([activity("a", 5)]));
    while (gateway.asked.length < 2) await pause(5);
    await sink.write(served([activity("a", 1)]));
    await sink.close();
    const pushes = gateway.asked.length;
    const last = gateway.asked.at(-1)!;
    expect([last.method, last.url]).toEqual(["PUT", "/metrics/job/my%20job/site@base64/YS9i/empty@base64/="]);
    expect(last.headers.authorization).toBe(`Basic ${Buffer.from("user:p@ss").toString("base64")}`);
    expect(valuesOf(last.body).get(`model_requests_total ${at} a 1`)).toBe(6);
    await pause(50);
    expect(gateway.asked).toHaveLength(pushes);
  });

  test("that fails is told once, goes on, and is told when it works again", async () => {
    let status = 400;
    await using gateway = await servePages((_, response) => response.writeHead(status).end("no such thing"));
    const states: PushState[] = [];
    const sink = createPushgatewaySink(gateway.url, {
      intervalMs: 5,
      removeAtEnd: true,
      onState: (state) => states.push(state),
    });
    while (gateway.asked.length < 3) await pause(5);
    status = 200;
    while (states.length < 2) await pause(5);
    await sink.close();
    expect(states).toMatchObject([{ ok: false, error: { tag: "push-failed" } }, { ok: true }]);
    expect(states[0]?.ok === false && states[0].error.message).toContain("400 Bad Request: no such thing");
    expect(gateway.asked.at(-1)?.method).toBe("DELETE");
  });

  test("to nobody ends all the same", async () => {
    const states: PushState[] = [];
    const sink = createPushgatewaySink("http://user:secret@127.0.0.1:1", {
      onState: (state) => states.push(state),
    });
    await sink.close();
    const [state] = states;
    expect(state?.ok === false && state.error.message).toMatch(
      /^http:\/\/127\.0\.0\.1:1\/ takes no metrics \(.*ECONNREFUSED/,
    );
  });

  test.each(["gateway:9091", "", "file:///x"])("to %j is refused", (url) => {
    expect(() => createPushgatewaySink(url)).toThrow(expect.objectContaining({ tag: "invalid-option" }));
  });
});
