import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ModelInferRequestSchema, ModelStreamInferResponseSchema } from "@strainflow/proto";
import { describe, expect, it } from "vitest";
import { echo } from "../testing/fake-server.ts";
import { type RawCall, startRawPeer } from "../testing/raw-peer.ts";
import { cleanups, ids, open, request } from "../testing/stream-under-test.ts";
import { parseAddress } from "./address.ts";
import { framed } from "./grpc-frames.ts";
import { createTransportPool } from "./pool.ts";
import { TRANSPORTS, type Transport, type TransportName } from "./transport.ts";

const REFUSED_STREAM = 7;
const REQUEST = framed(Buffer.from("ask"));

function transportTo(address: string, transport: TransportName): Transport {
  const pool = createTransportPool(parseAddress(address), 1, { transport });
  cleanups.push(pool.close);
  return pool.next();
}

function answer(call: RawCall, text: string): void {
  call.begin();
  call.send(Buffer.from(text));
  call.finish();
}

/** Answers an inference request with what it holds. */
function answerInference(call: RawCall, message: Buffer): void {
  const reply = create(ModelStreamInferResponseSchema, echo(fromBinary(ModelInferRequestSchema, message)));
  call.send(toBinary(ModelStreamInferResponseSchema, reply));
}

const idOf = (message: Buffer): string => fromBinary(ModelInferRequestSchema, message).id;

/** Ways to say that a call was not looked at. */
const REFUSALS: readonly [string, (call: RawCall) => void][] = [
  ["a GOAWAY that leaves it out", (call) => call.goaway(0)],
  [
    "a GOAWAY that leaves it out, and an end",
    (call) => {
      call.goaway(0);
      call.drop();
    },
  ],
  ["a reset that says so", (call) => call.reset(REFUSED_STREAM)],
];

describe.each(TRANSPORTS)("over %s,", (transport) => {
  it.each(REFUSALS)("a call that is refused by %s is made again", async (_, refuse) => {
    const seen: string[] = [];
    const { address } = await startRawPeer((call, message) => {
      seen.push(message.toString());
      if (seen.length === 1) refuse(call);
      else answer(call, "again");
    });
    const response = await transportTo(address, transport).unary("/a.B/C", REQUEST, { timeoutMs: 5000 });
    expect([response.toString(), seen]).toEqual(["again", ["ask", "ask"]]);
  });

  it.each(REFUSALS)(
    "a stream that is refused by %s begins again, with all that was sent",
    async (_, refuse) => {
      const seen: [stream: number, request: string][] = [];
      const first = new Set<string>();
      const { address } = await startRawPeer((call, message) => {
        const key = `${call.connection} ${call.streamId}`;
        first.add(key);
        const turn = [...first].indexOf(key);
        seen.push([turn, idOf(message)]);
        if (turn === 0) {
          if (idOf(message) === "2") refuse(call);
          return;
        }
        if (idOf(message) === "0") call.begin();
        answerInference(call, message);
      });
      const { call, told } = open(address, { transport });
      for (let i = 0; i < 3; i++) call.send(request(i));
      await told.until(() => told.responses.length === 3);
      call.send(request(3));
      await told.until(() => told.responses.length === 4);
      expect(ids(told.responses)).toEqual(["0", "1", "2", "3"]);
      expect(seen.filter(([turn]) => turn === 1).map(([, id]) => id)).toEqual(["0", "1", "2", "3"]);
      expect(told.events).not.toContain("lost");
    },
  );
});

describe.each(TRANSPORTS)("over %s,", (transport) => {
  it("a call that may have been looked at is not made again", async () => {
    const seen: string[] = [];
    const { address } = await startRawPeer((call, message) => {
      seen.push(message.toString());
      if (message.toString() === "begun") {
        call.begin();
        call.reset(REFUSED_STREAM);
      } else call.drop();
    });
    const connection = transportTo(address, transport);
    for (const text of ["begun", "dropped"])
      await expect(
        connection.unary("/a.B/C", framed(Buffer.from(text)), { timeoutMs: 5000 }),
      ).rejects.toMatchObject({ status: "UNAVAILABLE" });
    expect(seen).toEqual(["begun", "dropped"]);
  });

  it("a stream of which something was answered is lost with its refusal", async () => {
    const seen: string[] = [];
    const { address } = await startRawPeer((call, message) => {
      seen.push(idOf(message));
      if (seen.length === 1) {
        call.begin();
        answerInference(call, message);
      } else call.reset(REFUSED_STREAM);
    });
    const { call, told } = open(address, { transport });
    call.send(request(0));
    await told.until(() => told.responses.length === 1);
    call.send(request(1));
    await told.until(() => told.events.includes("lost"));
    expect(told.error()).toMatchObject({ details: { reason: "transport", requestId: "1" } });
    expect(seen).toEqual(["0", "1"]);
  });
});

it.each(TRANSPORTS)("%s give up a call and a stream that are refused three times", async (transport) => {
  let messages = 0;
  const { address } = await startRawPeer((call) => {
    messages++;
    call.goaway(0);
  });
  const connection = transportTo(address, transport);
  await expect(connection.unary("/a.B/C", REQUEST, { timeoutMs: 5000 })).rejects.toMatchObject({
    status: "UNAVAILABLE",
  });
  expect(messages).toBe(3);
  const { call, told } = open(address, { transport });
  call.send(request(0));
  await told.until(() => told.events.includes("lost"));
  expect(told.error()).toMatchObject({ details: { reason: "transport", requestId: "0", inFlight: 1 } });
  expect(messages).toBe(6);
});

describe("frames give up", () => {
  it("a call whose time is up while it is made again", async () => {
    const { address, connections } = await startRawPeer(
      (call) => call.goaway(0),
      (connection) => connection === 0,
    );
    const connection = transportTo(address, "frames");
    await expect(connection.unary("/a.B/C", REQUEST, { timeoutMs: 300 })).rejects.toMatchObject({
      status: "UNAVAILABLE",
    });
    expect(connections()).toBe(2);
  });

  it("a call whose caller wants it no more, before there is a connection", async () => {
    const { address } = await startRawPeer(
      () => undefined,
      () => false,
    );
    const controller = new AbortController();
    const connection = transportTo(address, "frames");
    const call = connection.unary("/a.B/C", REQUEST, { timeoutMs: 60_000, signal: controller.signal });
    setTimeout(() => controller.abort(), 50);
    await expect(call).rejects.toMatchObject({ status: "CANCELLED" });
  });

  it("what is left on a connection that takes nothing new, when the client is closed", async () => {
    const {
      address,
      connections,
      open: openSockets,
    } = await startRawPeer((call, message) => {
      if (call.connection > 0) return answer(call, "new");
      call.begin();
      answerInference(call, message);
      call.goaway(call.streamId);
    });
    const { call, told, close, transport } = open(address, { transport: "frames" });
    call.send(request(0));
    await told.until(() => told.responses.length === 1);
    // The next one to ask makes another connection.
    await transport().ready(5000);
    expect((await transport().unary("/a.B/C", REQUEST, { timeoutMs: 5000 })).toString()).toBe("new");
    expect([connections(), openSockets(), told.events]).toEqual([2, 2, ["response"]]);
    close();
    await told.until(() => told.events.includes("lost"));
    await expect.poll(openSockets).toBe(0);
  });
});
