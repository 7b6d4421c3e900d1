import { describe, expect, it } from "vitest";
import { type Duplex, echo, type StreamReply } from "../testing/fake-server.ts";
import { ids, open, range, request, start } from "../testing/stream-under-test.ts";
import { TRANSPORTS } from "../transport/transport.ts";

describe.each(TRANSPORTS)("an inference stream over %s", (transport) => {
  it("brings the responses in the order of the requests, their values, and then `closed`", async () => {
    const { address, requests } = await start();
    const { call, told } = open(address, { transport });
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
    const { call, told } = open(address, { transport });
    for (let i = 0; i < 4; i++) call.send(request(i, 2 << 20));
    call.end();
    await told.until(() => told.events.includes("closed"));
    expect(ids(told.responses)).toEqual(range(4));
    for (const [i, { outputs }] of told.responses.entries()) {
      expect(outputs.stream?.data.length).toBe(2 << 20);
      expect(outputs.stream?.data.at(-1)).toBe(i);
    }
  });

  it("shows each answer to a listener that borrows them, as long as it looks", async () => {
    const { address } = await start();
    const { told, openAgain } = open(address, { transport });
    const seen: [number, number][] = [];
    const call = openAgain({
      ...told.listener,
      borrows: true,
      response(response) {
        const { data } = response.outputs.stream!;
        seen.push([data.length, Number(data.at(-1))]);
        told.listener.response(response);
      },
    });
    for (let i = 0; i < 60; i++) told.send(call, request(i, 1 + ((i * 37) % 5000)));
    call.end();
    await told.until(() => told.events.includes("closed"));
    expect(seen).toEqual(range(60).map((_, i) => [1 + ((i * 37) % 5000), i]));
  });

  it("holds the sender back by bytes in flight, and lets it go on when they have come back", async () => {
    const held: (() => void)[] = [];
    const { address } = await start({ stream: (r, reply) => held.push(() => reply(echo(r))) });
    const { call, told } = open(address, { transport, maxBytesInFlight: 10_000 });
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
    const { call, told } = open(address, { transport, maxQueued: 3 });
    const answers = range(5).map((_, i) => told.send(call, request(i)));
    expect(answers).toEqual([true, true, false, false, false]);
    await told.until(() => told.events.includes("drain") && told.responses.length === 5);
    expect(ids(told.responses)).toEqual(range(5));
  });

  it("holds the sender back when the peer reads no more, and lets it go on when it reads again", async () => {
    let reading = false;
    const paused: Duplex[] = [];
    const { address } = await start({
      stream(r, reply, peer) {
        reply(echo(r));
        if (reading) return;
        peer.pause();
        paused.push(peer);
      },
    });
    const { call, told } = open(address, { transport, maxBytesInFlight: Number.MAX_SAFE_INTEGER });
    let sent = 0;
    const goOn = async (): Promise<boolean> => {
      const go = call.send(request(sent++, 65_536));
      await new Promise((resolve) => setTimeout(resolve, 2));
      return go || told.events.includes("drain");
    };
    while (await goOn()) expect(sent).toBeLessThan(100);
    const before = sent;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(told.events).not.toContain("drain");
    reading = true;
    for (const peer of paused) peer.resume();
    await told.until(() => told.responses.length === before);
    expect(told.events).toContain("drain");
    expect(ids(told.responses)).toEqual(range(before));
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
    const { call, told } = open(address, { transport });
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
    const { call, told } = open(address, { transport });
    call.send(request(0));
    call.send(request(1));
    await told.until(() => told.responses.length === 2);
    expect(ids(told.responses)).toEqual(["0", "1"]);
    expect(told.responses[0]?.error).toMatchObject({ tag: "infer-refused" });
  });

  it("calls nobody after `cancel`", async () => {
    const { address, requests } = await start();
    const { call, told } = open(address, { transport });
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
    const { call } = open(address, { transport });
    call.send(request(0));
    expect(() => call.send(request(0))).toThrow(expect.objectContaining({ tag: "invalid-request" }));
    expect(() => call.send({ ...request(1), id: "" })).toThrow(
      expect.objectContaining({ tag: "invalid-request" }),
    );
    call.end();
    expect(() => call.send(request(2))).toThrow(expect.objectContaining({ tag: "invalid-request" }));
  });
});
