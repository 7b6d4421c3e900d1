import { describe, expect, it } from "vitest";
import { startBlackHole } from "../testing/black-hole.ts";
import { echo, type FakeOptions, startFakeServer } from "../testing/fake-server.ts";
import { ids, open, recorder, request, start } from "../testing/stream-under-test.ts";
import { TRANSPORTS } from "../transport/transport.ts";

describe.each(TRANSPORTS)("an inference stream over %s", (transport) => {
  it("is lost when the server dies, and a new stream reaches its successor on the same port", async () => {
    const server = await start({ stream: (r, reply) => r.id !== "2" && reply(echo(r)) });
    const { call, told, openAgain } = open(server.address, { transport });
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
    const { call, told } = open(address, { transport });
    call.send(request(0));
    await told.until(() => told.events.length > 0);
    expect(told.events).toEqual(["lost"]);
    expect(told.error()).toMatchObject({ tag: "stream-lost", details: { reason: "transport", inFlight: 1 } });
  });

  it("is lost when a peer takes requests and never answers, and not before the time is up", async () => {
    let answering = true;
    const { address } = await start({ stream: (r, reply) => answering && reply(echo(r)) });
    const { call, told } = open(address, { transport, responseTimeoutMs: 200 });
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
    const { call, told, openAgain } = open(`127.0.0.1:${hole.port}`, { transport, responseTimeoutMs: 300 });
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

  it("is lost when its client is closed", async () => {
    const { address } = await start({ stream: (r, reply) => r.id === "0" && reply(echo(r)) });
    const { call, told, close } = open(address, { transport });
    call.send(request(0));
    call.send(request(1));
    await told.until(() => told.responses.length === 1);
    close();
    await told.until(() => told.events.includes("lost"));
    expect(told.error()).toMatchObject({ details: { reason: "transport", requestId: "1" } });
  });

  it("is lost when there is no server within the time to connect", async () => {
    const server = await startFakeServer();
    server.kill();
    const { call, told } = open(server.address, { transport, connectTimeoutMs: 300 });
    call.send(request(0));
    await told.until(() => told.events.length > 0);
    expect(told.error()).toMatchObject({ tag: "stream-lost", details: { reason: "connect" } });
    expect(told.error()?.message).toContain(server.address);
  });
});
