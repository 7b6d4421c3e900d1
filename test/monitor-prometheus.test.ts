import { createServer } from "node:http";
import { createHistogram } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import {
  createPrometheusEndpoint,
  createPushgatewaySink,
  monitorServers,
  type PushState,
  runSinks,
} from "@strainflow/monitor";
import { expect, it } from "vitest";
import {
  type Daemon,
  describePrometheus,
  lint,
  type Queried,
  query,
  startPrometheus,
  startPushgateway,
} from "./support/prometheus.ts";

/** A server that answers one request more each time it is asked, is away for a while, and begins anew. */
async function countingServer() {
  const state = { requests: 0, away: false, frozen: false };
  const server = createServer((_, response) => {
    if (state.away) return response.destroy();
    if (!state.frozen) state.requests++;
    const labels = '{model="net \\"one\\"",version="1"}';
    return response.end(
      [
        ["request_success", state.requests],
        ["count", state.requests * 8],
        ["exec_count", state.requests],
        ["request_duration_us", state.requests * 2500],
        ["queue_duration_us", state.requests * 500],
      ]
        .map(([name, value]) => `nv_inference_${name}${labels} ${value}\n`)
        .join(""),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    state,
    metrics: `http://127.0.0.1:${address.port}/metrics`,
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
    },
  };
}

/** Asks until the answer is what is waited for: Prometheus takes its time. */
async function eventually(
  prometheus: Daemon,
  expression: string,
  enough: (result: readonly Queried[]) => boolean,
): Promise<readonly Queried[]> {
  for (let tries = 0; ; tries++) {
    const result = await query(prometheus, expression);
    if (enough(result)) return result;
    if (tries > 150) throw new Error(`${expression} stays ${JSON.stringify(result)}`);
    await sleep(100);
  }
}

const only = (value: number) => (result: readonly Queried[]) =>
  result.length === 1 && result[0]?.value === value;

describePrometheus("the monitor, Prometheus and the Pushgateway", () => {
  it("agree on every count, through absences and restarts, collected and pushed", async () => {
    await using server = await countingServer();
    await using gateway = await startPushgateway();
    const endpoint = await createPrometheusEndpoint();
    await using prometheus = await startPrometheus([new URL(endpoint.url).host, new URL(gateway.url).host]);
    const states: PushState[] = [];
    const push = createPushgatewaySink(gateway.url, {
      intervalMs: 100,
      job: "pushed",
      onState: (s) => states.push(s),
    });
    const histogram = createHistogram();
    for (let ms = 1; ms <= 100; ms++) histogram.record(ms * 1e6);

    let total = 0;
    let resets = 0;
    const stop = new AbortController();
    const samples = monitorServers({
      servers: [{ name: "ours", metrics: server.metrics }],
      clients: [{ name: "h1", histogram }],
      intervalMs: 20,
      signal: stop.signal,
    });
    const counting = {
      write(sample: Parameters<typeof endpoint.write>[0]) {
        if (sample.kind !== "server") return;
        for (const { counters, reset } of sample.models) {
          total += counters.requests ?? 0;
          if (reset) resets++;
        }
      },
      close: async () => undefined,
    };
    const running = runSinks(samples, [endpoint, push, counting]);
    try {
      await eventually(prometheus, 'strainflow_server_up{job="strainflow"}', only(1));
      server.state.away = true;
      await eventually(prometheus, 'strainflow_server_up{job="strainflow"}', only(0));
      server.state.requests = 0;
      server.state.away = false;
      await eventually(prometheus, 'strainflow_server_up{job="strainflow"}', only(1));
      await sleep(200);
      server.state.frozen = true;
      await sleep(200);

      for (const job of ["strainflow", "pushed"]) {
        const of = `{job="${job}",server="ours",model="net \\"one\\"",version="1"}`;
        await eventually(prometheus, `strainflow_model_requests_total${of}`, only(total));
        await eventually(prometheus, `strainflow_model_inferences_total${of}`, only(total * 8));
        await eventually(prometheus, `strainflow_model_resets_total${of}`, only(resets));
        const [duration] = await query(
          prometheus,
          `strainflow_model_duration_seconds_total{job="${job}",phase="request"} / on(server, model, version) strainflow_model_requests_total{job="${job}"}`,
        );
        expect(duration?.value).toBeCloseTo(0.0025, 9);
        const [p99] = await query(
          prometheus,
          `strainflow_client_latency_seconds{job="${job}",client="h1",quantile="0.99"}`,
        );
        expect(p99?.value).toBeCloseTo(0.099, 3);
      }
      expect(resets).toBe(1);
      expect(total).toBeGreaterThan(5);
      // Between them, counters never fell: Prometheus saw no reset.
      expect(
        await query(prometheus, 'max(resets(strainflow_model_requests_total{job="strainflow"}[1m]))'),
      ).toMatchObject([{ value: 0 }]);
      expect(lint(await (await fetch(endpoint.url)).text())).toBe("");
      expect(states).toEqual([]);
    } finally {
      stop.abort();
      await running;
    }
  });

  it("a Pushgateway that goes is told, and gets all that it missed when it is back", async () => {
    await using server = await countingServer();
    const states: PushState[] = [];
    const first = await startPushgateway();
    const push = createPushgatewaySink(first.url, { intervalMs: 50, onState: (state) => states.push(state) });
    try {
      await first[Symbol.asyncDispose]();
      while (states.length < 1) await sleep(20);
      server.state.requests = 6;
      const samples = monitorServers({ servers: [{ name: "ours", metrics: server.metrics }], once: true });
      for await (const sample of samples) await push.write(sample);
      await using again = await startPushgateway(first.port);
      while (states.length < 2) await sleep(20);
      expect(states).toMatchObject([{ ok: false, error: { tag: "push-failed" } }, { ok: true }]);
      expect(await (await fetch(`${again.url}/metrics`)).text()).toMatch(
        /^strainflow_model_requests_total\{.*server="ours".*\} 7$/m,
      );
    } finally {
      await push.close();
    }
  });
});
