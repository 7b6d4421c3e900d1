import { createHistogram } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { from, lastValueFrom, take, toArray } from "rxjs";
import { describe, expect, test } from "vitest";
import type { MonitorSample } from "./monitor-sample.ts";
import { type MonitorOptions, monitorServers } from "./monitor-servers.ts";
import { createPrometheusEndpoint } from "./prometheus-endpoint.ts";
import { type Counted, metricsPage, servePages } from "./testing/metrics-server.ts";

/** Samples until one is what is waited for. */
async function until(
  options: MonitorOptions,
  enough: (sample: MonitorSample) => boolean,
): Promise<MonitorSample[]> {
  const samples: MonitorSample[] = [];
  for await (const sample of monitorServers({ intervalMs: 10, ...options })) {
    samples.push(sample);
    if (enough(sample)) break;
  }
  return samples;
}

const kinds = (samples: readonly MonitorSample[]): string[] =>
  samples.map(({ kind }) => kind).filter((kind, i, all) => kind !== all[i - 1]);

const config = (steps: readonly string[]): string =>
  JSON.stringify({
    name: "model",
    ...(steps.length === 0
      ? {}
      : { ensemble_scheduling: { step: steps.map((model_name) => ({ model_name, model_version: -1 })) } }),
  });

describe("servers that are watched", () => {
  test("are told interval by interval; what one does not answer, another does", async () => {
    let requests = 0;
    await using server = await servePages((_, response) =>
      response.end(metricsPage({ net: { requests: requests++, batch: 4 } })),
    );
    const samples = await until(
      {
        servers: [
          { name: "here", metrics: server.url },
          { name: "not-there", metrics: "http://127.0.0.1:1/metrics" },
        ],
      },
      (sample) => sample.kind === "server",
    );
    expect(samples.find(({ kind }) => kind === "away")).toMatchObject({
      server: "not-there",
      host: "not-there",
      error: { tag: "metrics-unreachable" },
    });
    expect(samples.find(({ kind }) => kind === "seen")).toMatchObject({
      server: "here",
      models: [{ model: "net" }],
    });
    expect(samples.at(-1)).toMatchObject({
      server: "here",
      models: [
        {
          model: "net",
          counters: { requests: 1, inferences: 4 },
          averages: { batchSize: 4, requestUs: 1000 },
        },
      ],
    });
  });

  test("that were away and began anew lose nothing but what nobody could see", async () => {
    let requests = 40;
    let gone = 0;
    await using server = await servePages((_, response) => {
      requests += 2;
      if (requests === 50) gone = 3;
      if (gone > 0) {
        gone--;
        requests = 0;
        response.destroy();
      } else response.end(metricsPage({ net: { requests } }));
    });
    let away = 0;
    let back = 0;
    const samples = await until({ servers: [{ metrics: server.url }] }, ({ kind }) => {
      if (kind === "away") away++;
      return kind === "server" && away === 3 && ++back === 3;
    });
    expect(kinds(samples)).toEqual(["seen", "server", "away", "server"]);
    const models = samples.flatMap((sample) => (sample.kind === "server" ? sample.models : []));
    expect(models.filter(({ reset }) => reset).map(({ counters }) => counters.requests)).toEqual([2]);
    for (const { counters } of models) expect(counters.requests).toBe(2);
  });

  test.each([
    ["", "is empty"],
    ["<html>hello</html>", "no page of metrics (line 1: no name"],
    ["node_cpu 1\n", "none of an inference server"],
  ])("that answer %j are told as what they are", async (page, why) => {
    await using server = await servePages((_, response) => response.end(page));
    const [sample] = await until({ servers: [{ metrics: server.url }] }, () => true);
    expect(sample).toMatchObject({ kind: "away", error: { tag: "metrics-unreadable" } });
    expect(sample?.kind === "away" && sample.error.message).toContain(why);
  });

  test("that refuse, or never answer, are told; a password is not", async () => {
    await using server = await servePages((request, response) => {
      if (request.url === "/slow") return;
      response.writeHead(request.headers.authorization === undefined ? 401 : 503).end();
    });
    const secret = server.url.replace("//", "//user:secret@");
    const samples = await until(
      {
        timeoutMs: 100,
        servers: [
          { name: "slow", metrics: `${server.url}/slow` },
          { name: "refuses", metrics: secret },
        ],
        once: true,
      },
      () => false,
    );
    const messages = samples.map((sample) => (sample.kind === "away" ? sample.error.message : "")).sort();
    expect(messages).toEqual([
      expect.stringMatching(/answers 503 Service Unavailable$/),
      expect.stringMatching(/slow cannot be reached \(no answer within 100 ms\)$/),
    ]);
    expect(JSON.stringify(samples) + messages.join()).not.toContain("secret");
  });

  test("have their ensembles recognised from configurations over HTTP, and asked again for models that come", async () => {
    const models: Record<string, Counted> = { pipe: { requests: 1 }, a: { requests: 1 } };
    await using server = await servePages((request, response) => {
      const name = /^\/v2\/models\/(\w+)\/config$/.exec(request.url ?? "")?.[1];
      if (request.url === "/v2") response.end('{"name":"triton","version":"2","extensions":[]}');
      else if (name === undefined) response.end(metricsPage(models));
      else response.end(config(name === "pipe" ? ["b", "a"] : []));
    });
    const samples = await until({ servers: [{ metrics: server.url, models: server.url }] }, (sample) => {
      if (sample.kind !== "server") return false;
      models["b"] = { requests: 3 };
      return (
        server.asked.some(({ url }) => url.includes("/b/")) &&
        sample.models.some(({ model }) => model === "b")
      );
    });
    const last = samples.at(-1);
    expect(
      last?.kind === "server" && last.models.map(({ model, steps, stepOf }) => [model, steps, stepOf]),
    ).toEqual([
      ["a", undefined, ["pipe"]],
      ["b", undefined, ["pipe"]],
      ["pipe", ["b", "a"], []],
    ]);
    const configs = server.asked.filter(({ url }) => url.startsWith("/v2/models")).map(({ url }) => url);
    expect(configs.sort()).toEqual(["a", "b", "pipe"].map((name) => `/v2/models/${name}/config`));
  });

  test("whose configurations cannot be had are watched all the same; it is told once", async () => {
    await using server = await servePages((request, response) => {
      if (request.url?.startsWith("/v2")) response.writeHead(404).end();
      else response.end(metricsPage({ net: { requests: 1 } }));
    });
    let count = 0;
    const samples = await until(
      { servers: [{ metrics: server.url, models: server.url }] },
      ({ kind }) => kind === "server" && ++count === 5,
    );
    expect(kinds(samples)).toEqual(["seen", "no-steps", "server"]);
    expect(samples.filter(({ kind }) => kind === "no-steps")).toMatchObject([
      { error: { tag: "models-unreachable" } },
    ]);
  });

  test("are asked no faster than their samples are taken", async () => {
    await using server = await servePages((_, response) =>
      response.end(metricsPage({ net: { requests: 1 } })),
    );
    let taken = 0;
    for await (const _ of monitorServers({ servers: [{ metrics: server.url }], intervalMs: 1 })) {
      await pause(20);
      if (++taken === 5) break;
    }
    expect(server.asked.length).toBeLessThanOrEqual(6);
  });

  test("are let go of at once by the signal, also while they keep one waiting", async () => {
    await using server = await servePages(() => undefined);
    const stop = new AbortController();
    const ended = (async () => {
      for await (const sample of monitorServers({ servers: [{ metrics: server.url }], signal: stop.signal }))
        throw new Error(`told ${sample.kind}`);
    })();
    while (server.asked.length === 0) await pause(5);
    stop.abort();
    await ended;
    for await (const sample of monitorServers({ servers: [{ metrics: server.url }], signal: stop.signal }))
      throw new Error(`told ${sample.kind}`);
    expect(server.asked).toHaveLength(1);
  });

  test("give their totals once, and end", async () => {
    await using server = await servePages((_, response) =>
      response.end(metricsPage({ net: { requests: 8, us: 250 } })),
    );
    const samples = await until({ servers: [{ metrics: server.url }], once: true }, () => false);
    expect(samples).toMatchObject([
      { kind: "server", elapsedSeconds: 0, models: [{ counters: { requests: 8 } }] },
    ]);
    expect(samples[0]?.kind === "server" && samples[0].models[0]?.averages).toMatchObject({
      requestUs: 250,
      queueUs: 25,
    });
  });

  test("stand beside clients, and all of it is an observable", async () => {
    await using server = await servePages((_, response) =>
      response.end(metricsPage({ net: { requests: 1 } })),
    );
    const histogram = createHistogram();
    for (let ms = 1; ms <= 1000; ms++) histogram.record(ms * 1e6);
    const stop = new AbortController();
    const samples = monitorServers({
      servers: [{ metrics: server.url }],
      intervalMs: 10,
      clients: [
        { name: "h1", histogram },
        { name: "none yet", histogram: createHistogram() },
        { name: "own", quantiles: () => ({ count: 1, p50Ms: 1, p90Ms: 2, p99Ms: 4, p999Ms: 5 }) },
      ],
      signal: stop.signal,
    });
    const all = await lastValueFrom(from(samples).pipe(take(8), toArray()));
    stop.abort();
    const clients = all.flatMap((sample) => (sample.kind === "client" ? [sample] : []));
    expect(new Set(clients.map(({ client }) => client))).toEqual(new Set(["h1", "own"]));
    const { latency } = clients.find(({ client }) => client === "h1")!;
    expect(latency.count).toBe(1000);
    for (const [told, ms] of [
      [latency.p50Ms, 500],
      [latency.p99Ms, 990],
      [latency.p999Ms, 999],
    ] as const)
      expect(told / ms).toBeCloseTo(1, 2);
  });

  test("show clients of other processes, which tell of themselves to Prometheus", async () => {
    const histogram = createHistogram();
    for (let ms = 1; ms <= 1000; ms++) histogram.record(ms * 1e6);
    const endpoint = await createPrometheusEndpoint();
    try {
      for await (const sample of monitorServers({
        servers: [],
        clients: [{ name: "h1", histogram }],
        once: true,
      }))
        endpoint.write(sample);
      const samples = await until({ servers: [{ metrics: endpoint.url }], once: true }, () => false);
      expect(kinds(samples)).toEqual(["client", "server"]);
      expect(samples[0]).toMatchObject({ client: "h1", latency: { count: 1000 } });
      expect(samples[0]?.kind === "client" && samples[0].latency.p999Ms / 999).toBeCloseTo(1, 2);
    } finally {
      await endpoint.close();
    }
  });

  test.each<[string, MonitorOptions]>([
    ["servers", { servers: [] }],
    ["servers", { servers: ["triton-1", "triton-1"] }],
    ["server", { servers: ["ftp://triton-1"] }],
    ["intervalMs", { servers: ["triton-1"], intervalMs: 0 }],
    ["timeoutMs", { servers: ["triton-1"], timeoutMs: Number.NaN }],
  ])("refuse %s that cannot be used", (option, options) => {
    expect(() => monitorServers(options)).toThrow(
      expect.objectContaining({ tag: "invalid-option", details: expect.objectContaining({ option }) }),
    );
  });
});
