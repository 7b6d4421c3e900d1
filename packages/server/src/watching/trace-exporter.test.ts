import { createServer as createHttp } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { createServer } from "../server.ts";
import { float32, RawClient, sequence } from "../testing/raw-client.ts";
import {
  accumulator,
  CHANNELS,
  ensemble,
  network,
  snapshotter,
  tinyRepository,
  UPDATE,
} from "../testing/tiny-repository.ts";

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly events: readonly { readonly name: string; readonly timeUnixNano: string }[];
}
interface Body {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly Span[] }[] }[];
}

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function collector(status: number): Promise<{ url: string; bodies: [string, Body][] }> {
  const bodies: [string, Body][] = [];
  const http = createHttp(async (request, response) => {
    let body = "";
    for await (const part of request) body += String(part);
    bodies.push([
      `${request.method} ${request.url} ${request.headers["content-type"]}`,
      JSON.parse(body) as Body,
    ]);
    response.writeHead(status).end("{}");
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    http.closeAllConnections();
    http.close();
  });
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, bodies };
}

async function infer(otlp: string, log: (line: string) => void = () => {}): Promise<void> {
  const repository = await tinyRepository([
    snapshotter("snapshots"),
    network("net"),
    accumulator("sums"),
    ensemble("chain", "snapshots", "net", "sums"),
  ]);
  cleanups.push(() => repository.remove());
  const server = await createServer({
    repository: repository.path,
    workers: 1,
    log,
    trace: { otlp, levels: ["TIMESTAMPS"], rate: 1 },
  });
  const client = new RawClient(server.grpcAddress);
  await client.infer({
    modelName: "chain",
    id: "first",
    parameters: sequence(1n, { start: true, end: true }),
    inputs: [{ name: "stream", datatype: "FP32", shape: [1n, BigInt(CHANNELS), BigInt(UPDATE)] }],
    rawInputContents: [float32(new Array<number>(CHANNELS * UPDATE).fill(1))],
  });
  client.close();
  await server.close();
}

it("an ensemble's request is a span at the collector, and its steps are the children", async () => {
  const { url, bodies } = await collector(200);
  const before = BigInt(Date.now() - 1000) * 1_000_000n;
  await infer(`${url}/`);
  expect(bodies.map(([request]) => request)).toEqual(["POST /v1/traces application/json"]);
  const spans = bodies.flatMap(([, body]) =>
    body.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)),
  );
  const [root, ...steps] = spans;
  expect(spans.map(({ name, kind }) => [name, kind])).toEqual([
    ["chain", 2],
    ["snapshots", 1],
    ["net", 1],
    ["sums", 1],
  ]);
  expect(root?.traceId).toMatch(/^[0-9a-f]{32}$/);
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(4);
  for (const step of steps) expect(step.parentSpanId).toBe(root?.spanId);
  for (const { startTimeUnixNano: start, endTimeUnixNano: end, events } of spans) {
    expect(BigInt(start)).toBeGreaterThan(before);
    expect(BigInt(end)).toBeGreaterThanOrEqual(BigInt(start));
    expect(BigInt(end)).toBeLessThan(BigInt(Date.now() + 1000) * 1_000_000n);
    expect(events.length).toBeGreaterThan(3);
  }
});

it("a collector that is away costs no request, and is told once", async () => {
  const { url } = await collector(503);
  const lines: string[] = [];
  await infer(url, (line) => lines.push(line));
  expect(lines.filter((line) => line.includes("status 503"))).toHaveLength(1);
  await expect(infer("collector:4318")).rejects.toThrow("http://127.0.0.1:4318");
});
