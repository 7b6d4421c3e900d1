import { createServer, type Server, type Socket } from "node:net";
import type {
  InferCall,
  InferListener,
  InferRequest,
  InferResponse,
  StrainflowError,
} from "@strainflow/series";
import { afterEach, describe, expect, it } from "vitest";
import { parseAddress } from "./address.ts";
import { openInferCall, type StreamLimits } from "./infer-call.ts";
import { createRequestEncoder } from "./request-encoder.ts";
import { createResponseDecoder } from "./response-decoder.ts";
import {
  echo,
  type FakeOptions,
  type FakeServer,
  type StreamReply,
  startFakeServer,
} from "./testing/fake-server.ts";
import { createTransportPool } from "./transport-pool.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

const LIMITS: StreamLimits = {
  maxBytesInFlight: 64 << 20,
  maxQueued: 16,
  responseTimeoutMs: 20_000,
  connectTimeoutMs: 5000,
};

/** What a listener was told, and a way to wait for it. */
function recorder() {
  const responses: InferResponse[] = [];
  const events: string[] = [];
  let error: StrainflowError | undefined;
  let inSend = false;
  let fromInsideSend = false;
  let wake: () => void = () => undefined;
  const told = (event: string): void => {
    fromInsideSend ||= inSend;
    events.push(event);
    wake();
  };
  const listener: InferListener = {
    response(response) {
      responses.push(response);
      told("response");
    },
    drain: () => told("drain"),
    closed: () => told("closed"),
    lost(lost) {
      error = lost as StrainflowError;
      told("lost");
    },
  };
  return {
    listener,
    responses,
    events,
    error: () => error,
    wasToldInsideSend: () => fromInsideSend,
    send(call: InferCall, request: InferRequest): boolean {
      inSend = true;
      try {
        return call.send(request);
      } finally {
        inSend = false;
      }
    },
    async until(condition: () => boolean): Promise<void> {
      while (!condition())
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    },
  };
}

async function start(options: FakeOptions = {}): Promise<FakeServer> {
  const server = await startFakeServer(options);
  cleanups.push(server.kill);
  return server;
}

function open(address: string, limits: Partial<StreamLimits> = {}) {
  const pool = createTransportPool(parseAddress(address), 1, {});
  cleanups.push(pool.close);
  const told = recorder();
  const openAgain = (listener: InferListener): InferCall =>
    openInferCall({
      transport: pool.next(),
      modelName: "m",
      encoder: createRequestEncoder("m", ""),
      decoder: createResponseDecoder(),
      limits: { ...LIMITS, ...limits },
      listener,
    });
  return { call: openAgain(told.listener), told, openAgain };
}

function request(id: number, size = 4): InferRequest {
  return {
    id: String(id),
    inputs: { stream: { datatype: "FP32", shape: [1, 1, size], data: new Float32Array(size).fill(id) } },
    sequence: { id: 77n, start: id === 0, end: false },
  };
}

const ids = (responses: readonly InferResponse[]): string[] => responses.map(({ id }) => id);
const range = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i));

describe("an inference stream", () => {
  it("brings the responses in the order of the requests, their values, and then `closed`", async () => {
    const { address, requests } = await start();
    const { call, told } = open(address);
    for (let i = 0; i < 300; i++) told.send(call, request(i, 1 + (i % 50)));
    call.end();
    await told.until(() => told.events.includes("closed"));
    expect(ids(told.responses)).toEqual(range(300));
    for (const [i, { outputs, error }] of told.responses.entries()) {
      expect(error).toBeUndefined();
      expect(outputs.stream?.data).toEqual(new Float32Array(1 + (i % 50)).fill(i));
    }
    expect(told.events.at(-1)).toBe("closed");
    expect(told.wasToldInsideSend()).toBe(false);
    expect(requests[0]?.parameters.sequence_start?.parameterChoice.value).toBe(true);
    expect(requests[1]?.parameters.sequence_start?.parameterChoice.value).toBe(false);
    expect(requests[1]?.parameters.sequence_id?.parameterChoice.value).toBe(77n);
  });

  it("carries messages larger than gRPC's default limit of 4 MiB", async () => {
    const { address } = await start();
    const { call, told } = open(address);
    call.send(request(3, 2 << 20));
    await told.until(() => told.responses.length === 1);
    expect(told.responses[0]?.outputs.stream?.data.length).toBe(2 << 20);
    expect(told.responses[0]?.outputs.stream?.data.at(-1)).toBe(3);
  });

  it("holds the sender back by bytes in flight, and lets it go on when they have come back", async () => {
    const held: (() => void)[] = [];
    const { address } = await start({ stream: (r, reply) => held.push(() => reply(echo(r))) });
    const { call, told } = open(address, { maxBytesInFlight: 10_000 });
    expect(told.send(call, request(0, 1000))).toBe(true);
    expect(told.send(call, request(1, 1000))).toBe(true);
    expect(told.send(call, request(2, 1000))).toBe(false);
    while (held.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(told.events).toEqual([]);
    held[0]?.();
    await told.until(() => told.events.includes("drain"));
    expect(told.events).toEqual(["response", "drain"]);
    expect(told.send(call, request(3, 1000))).toBe(false);
  });

  it("holds the sender back while messages wait for the socket", async () => {
    const { address } = await start();
    const { call, told } = open(address, { maxQueued: 3 });
    const answers = range(5).map((_, i) => told.send(call, request(i)));
    expect(answers).toEqual([true, true, false, false, false]);
    await told.until(() => told.events.includes("drain") && told.responses.length === 5);
    expect(ids(told.responses)).toEqual(range(5));
  });

  it("tells a refused request by its id and goes on", async () => {
    const { address } = await start({
      stream(r, reply) {
        const refusal: StreamReply = {
          errorMessage: `unexpected shape in ${r.id}`,
          inferResponse: { id: r.id },
        };
        reply(r.id === "1" ? refusal : echo(r));
      },
    });
    const { call, told } = open(address);
    for (let i = 0; i < 3; i++) call.send(request(i));
    await told.until(() => told.responses.length === 3);
    expect(ids(told.responses)).toEqual(["0", "1", "2"]);
    expect(told.responses[1]?.error).toMatchObject({
      tag: "infer-refused",
      details: { modelName: "m", requestId: "1", sequenceId: 77n, serverMessage: "unexpected shape in 1" },
    });
    expect(told.responses[2]?.error).toBeUndefined();
  });

  it("takes a refusal without an id to be that of the oldest request", async () => {
    const { address } = await start({
      stream: (r, reply) => reply(r.id === "0" ? { errorMessage: "no" } : echo(r)),
    });
    const { call, told } = open(address);
    call.send(request(0));
    call.send(request(1));
    await told.until(() => told.responses.length === 2);
    expect(ids(told.responses)).toEqual(["0", "1"]);
    expect(told.responses[0]?.error).toMatchObject({ tag: "infer-refused" });
  });

  it("is lost when the server dies, and a new stream reaches its successor on the same port", async () => {
    const server = await start({ stream: (r, reply) => r.id !== "2" && reply(echo(r)) });
    const { call, told, openAgain } = open(server.address);
    for (let i = 0; i < 3; i++) call.send(request(i));
    await told.until(() => told.responses.length === 2);
    server.kill();
    await told.until(() => told.events.includes("lost"));
    expect(told.error()).toMatchObject({
      tag: "stream-lost",
      details: { reason: "transport", modelName: "m", requestId: "2", sequenceId: 77n, inFlight: 1 },
    });
    expect(call.send(request(9))).toBe(false);
    const again = recorder();
    const next = openAgain(again.listener);
    next.send(request(5));
    await start({ port: server.port });
    await again.until(() => again.responses.length === 1);
    expect(ids(again.responses)).toEqual(["5"]);
    expect(told.events.filter((event) => event === "lost")).toHaveLength(1);
  });

  it.each([
    [
      "ends the call with CANCELLED",
      (call: Parameters<NonNullable<FakeOptions["stream"]>>[2]) =>
        call.emit("error", { code: 1, details: "given up" }),
    ],
    [
      "closes the call in order, unasked",
      (call: Parameters<NonNullable<FakeOptions["stream"]>>[2]) => call.end(),
    ],
  ])("is lost when the server %s", async (_, finish) => {
    const { address } = await start({ stream: (_r, _reply, call) => finish(call) });
    const { call, told } = open(address);
    call.send(request(0));
    await told.until(() => told.events.length > 0);
    expect(told.events).toEqual(["lost"]);
    expect(told.error()).toMatchObject({ tag: "stream-lost", details: { reason: "transport", inFlight: 1 } });
  });

  it("is lost when a peer takes requests and never answers, and not before the time is up", async () => {
    let answering = true;
    const { address } = await start({ stream: (r, reply) => answering && reply(echo(r)) });
    const { call, told } = open(address, { responseTimeoutMs: 200 });
    call.send(request(0));
    await told.until(() => told.responses.length === 1);
    // Silence with nothing in flight is no loss.
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(told.events).toEqual(["response"]);
    answering = false;
    const sent = performance.now();
    call.send(request(1));
    await told.until(() => told.events.includes("lost"));
    expect(performance.now() - sent).toBeGreaterThanOrEqual(199);
    expect(told.error()).toMatchObject({ details: { reason: "watchdog", requestId: "1" } });
  });

  it("is lost behind a black hole that has swallowed the connection, and the next stream takes a new connection", async () => {
    const { port } = await start();
    const hole = await startBlackHole(port);
    const { call, told, openAgain } = open(`127.0.0.1:${hole.port}`, { responseTimeoutMs: 300 });
    call.send(request(0));
    await told.until(() => told.responses.length === 1);
    hole.swallow();
    call.send(request(1));
    await told.until(() => told.events.includes("lost"));
    expect(told.error()).toMatchObject({ details: { reason: "watchdog" } });
    hole.release();
    const again = recorder();
    openAgain(again.listener).send(request(2));
    await again.until(() => again.responses.length === 1);
    expect(hole.connections()).toBe(2);
  });

  it("is lost when there is no server within the time to connect", async () => {
    const server = await startFakeServer();
    server.kill();
    const { call, told } = open(server.address, { connectTimeoutMs: 300 });
    call.send(request(0));
    await told.until(() => told.events.length > 0);
    expect(told.error()).toMatchObject({ tag: "stream-lost", details: { reason: "connect" } });
    expect(told.error()?.message).toContain(server.address);
  });

  it("calls nobody after `cancel`", async () => {
    const { address, requests } = await start();
    const { call, told } = open(address);
    for (let i = 0; i < 50; i++) call.send(request(i));
    await told.until(() => told.responses.length > 0);
    call.cancel();
    const before = told.events.length;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(told.events.length).toBe(before);
    expect(requests.length).toBeGreaterThan(0);
  });

  it("refuses an id that is in flight, an empty one, and a request after the end", async () => {
    const { address } = await start({ stream: () => undefined });
    const { call } = open(address);
    call.send(request(0));
    expect(() => call.send(request(0))).toThrow(expect.objectContaining({ tag: "invalid-request" }));
    expect(() => call.send({ ...request(1), id: "" })).toThrow(
      expect.objectContaining({ tag: "invalid-request" }),
    );
    call.end();
    expect(() => call.send(request(2))).toThrow(expect.objectContaining({ tag: "invalid-request" }));
  });
});

/** A relay that can stop passing anything on, with its connections left open. */
async function startBlackHole(target: number) {
  const { connect } = await import("node:net");
  const sockets = new Set<Socket>();
  let swallowing = false;
  let connections = 0;
  const relay: Server = createServer((near) => {
    connections++;
    const far = connect(target, "127.0.0.1");
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on("data", (chunk) => swallowing || to.write(chunk));
      from.on("error", () => undefined);
      from.on("close", () => swallowing || to.destroy());
    }
  });
  await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    relay.close();
  });
  const bound = relay.address();
  if (bound === null || typeof bound === "string") throw new Error("the relay has no port");
  return {
    port: bound.port,
    connections: () => connections,
    swallow: () => {
      swallowing = true;
    },
    release: () => {
      swallowing = false;
    },
  };
}
