import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Running, startSubject } from "./subjects.ts";
import { update } from "./topics/sequences.ts";
import { float32, floats, integers } from "./wire/bytes.ts";
import { inferRequest } from "./wire/messages.ts";
import { RawGrpc } from "./wire/raw-grpc.ts";

/*
 * What Triton's users have suffered from, by the number of their report, and how the embedded server does. What the
 * client does about a server that suffers (streams that break, states that are lost) is in ../recovery.test.ts.
 */
describe("faults that Triton's users have reported", () => {
  let running: Running;
  let client: RawGrpc;
  beforeAll(async () => {
    running = await startSubject("embedded");
    client = new RawGrpc(running.grpc);
  });
  afterAll(async () => {
    client.close();
    await running.stop();
  });
  const net = (id: string) =>
    inferRequest("net", [["x", "FP32", [1, 2, 4], float32(1, 2, 3, 4, 5, 6, 7, 8)]], { id });

  it("#3160: a stream stays good however much has gone through it, refusals among it", async () => {
    const stream = client.stream();
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 200; i++)
        stream.send(i % 10 === 0 ? update("sum", BigInt(i + 1), 1) : net(`${round}-${i}`));
      const arrivals = await stream.take(200);
      expect(arrivals.filter(({ error }) => error !== "")).toHaveLength(20);
      expect(arrivals.at(-1)?.id).toBe(`${round}-199`);
    }
    stream.end();
    expect((await stream.ended).code).toBe("OK");
  });

  it("#2442: no answer is held until a later request comes", async () => {
    const stream = client.stream();
    for (let i = 0; i < 300; i++) {
      stream.send(net(`${i}`));
      // A held answer would never come: nothing more is sent before it has.
      expect((await stream.next()).id).toBe(`${i}`);
    }
    stream.end();
    await stream.ended;
  });

  it("#4178: what waits for a slot is not dropped by the idle time, however long it waits", async () => {
    const holder = client.stream();
    const waiter = client.stream();
    holder.send(update("brief", 1n, 1, { start: true }));
    await holder.next();
    for (let i = 0; i < 5; i++) waiter.send(update("brief", 2n, i, { start: i === 0, end: i === 4 }));
    // Twice the idle time of one second, in which the slot is in use.
    for (let i = 0; i < 8; i++) {
      await holder.quietFor(250);
      holder.send(update("brief", 1n, 1, { end: i === 7 }));
      await holder.next();
    }
    const arrivals = await waiter.take(5);
    expect(arrivals.map((arrival) => [arrival.error, ...floats(arrival, "total")])).toEqual([
      ["", 0],
      ["", 1],
      ["", 3],
      ["", 6],
      ["", 10],
    ]);
    for (const stream of [holder, waiter]) {
      stream.end();
      await stream.ended;
    }
  });

  it("#3406, #3577: each START and END comes once, in its place, whatever else comes between", async () => {
    const count = 50;
    const results = await Promise.all(
      Array.from({ length: 12 }, async (_, s) => {
        const stream = client.stream();
        for (let i = 0; i < count; i++)
          stream.send(
            update("told", BigInt(1000 + s), i, {
              start: i === 0,
              end: i === count - 1,
            }),
          );
        stream.end();
        return stream.take(count);
      }),
    );
    for (const arrivals of results)
      expect(
        arrivals.map((arrival) => [
          floats(arrival, "y")[0],
          integers(arrival, "start")[0],
          floats(arrival, "end")[0],
        ]),
      ).toEqual(Array.from({ length: count }, (_, i) => [i, i === 0 ? 7 : -1, i === count - 1 ? 1.5 : 0.5]));
  });

  it("#7117: nothing of a sequence that was reaped is seen by who comes after it", async () => {
    const silent = client.stream();
    silent.send(update("brief", 71n, 1000, { start: true }));
    await silent.next();
    // The next has the same id and the same slot; and another one has the slot.
    const next = update("brief", 71n, 1, { start: true });
    await silent.quietFor(2000);
    expect((await client.refused(update("brief", 71n, 1))).text).toMatch(/must specify the START flag/);
    expect(floats(await client.infer(next), "total")).toEqual([1]);
    await client.infer(update("brief", 71n, 1, { end: true }));
    expect(floats(await client.infer(update("brief", 72n, 5, { start: true, end: true })), "total")).toEqual([
      5,
    ]);
    silent.end();
    await silent.ended;
  });

  it("#7119: a sequence goes on where it was on another server, with the values of one that stayed", async () => {
    const options = { only: ["sum"], handOver: true };
    const servers = await Promise.all([startSubject("embedded", options), startSubject("embedded", options)]);
    const [from, to] = servers.map(({ grpc }) => new RawGrpc(grpc));
    const [fromState, toState] = servers.map(
      ({ http }) => `${http}/v2/strainflow/models/sum/sequences/7119/state`,
    );
    if (!from || !to || !fromState || !toState) throw new Error("two servers are needed");
    try {
      const stays: number[] = [];
      const moves: number[] = [];
      for (let i = 0; i < 20; i++) {
        const flags = { start: i === 0, end: i === 19 };
        stays.push(...floats(await client.infer(update("sum", 7119n, i / 7, flags)), "total"));
        if (i === 10) {
          const state = await fetch(fromState);
          const header = state.headers.get("inference-header-content-length") ?? "";
          const headers = { "inference-header-content-length": header };
          expect((await fetch(toState, { method: "PUT", headers, body: await state.blob() })).status).toBe(
            200,
          );
          expect((await fetch(fromState, { method: "DELETE" })).status).toBe(200);
        }
        moves.push(...floats(await (i < 10 ? from : to).infer(update("sum", 7119n, i / 7, flags)), "total"));
      }
      expect(moves).toEqual(stays);
    } finally {
      for (const one of [from, to]) one.close();
      for (const server of servers) await server.stop();
    }
  });

  it("a slot that a lost client held is free for the next, whatever the idle time", async () => {
    for (let i = 0; i < 50; i++) {
      const doomed = new RawGrpc(running.grpc);
      const stream = doomed.stream();
      stream.send(update("single", BigInt(i + 1), i, { start: true }));
      // Each would wait a minute for the one before.
      expect(floats(await stream.next(), "total")).toEqual([i]);
      doomed.close();
    }
  });
});
