import { afterAll, beforeAll, expect, it } from "vitest";
import { type Topic, topic } from "../subject.ts";
import { float32, floats } from "../wire/bytes.ts";
import { inferRequest } from "../wire/messages.ts";
import { type Arrival, RawGrpc } from "../wire/raw-grpc.ts";
import { update } from "./sequences.ts";

const START = { start: true };
const END = { end: true };
const seen = (arrivals: readonly Arrival[]): unknown[] =>
  arrivals.map(({ id, error, outputs }) =>
    error !== ""
      ? `${id} ${error}`
      : "total" in outputs
        ? `${id} = ${floats({ outputs } as Arrival, "total")}`
        : id,
  );
const quick = (id: string) =>
  inferRequest("net", [["x", "FP32", [1, 2, 4], float32(1, 2, 3, 4, 5, 6, 7, 8)]], { id });

/** Slots: how many sequences run at a time, who waits, and what makes room. */
export const slots: Topic = topic("slots", (subject) => {
  let client: RawGrpc;
  beforeAll(() => {
    client = new RawGrpc(subject().grpc);
  });
  afterAll(() => client.close());

  it("a sequence beyond the slots waits, and holds back what follows on its stream, not on others", async () => {
    const stream = client.stream();
    const other = client.stream();
    stream.send(
      update("single", 1n, 1, START),
      update("single", 2n, 5, START),
      update("single", 2n, 6),
      quick("n"),
    );
    other.send(quick("m"));
    expect(seen(await stream.take(1))).toEqual(["1:1 = 1"]);
    expect(seen(await other.take(1))).toEqual(["m"]);
    expect(await stream.quietFor(200)).toBe(true);
    stream.send(update("single", 1n, 2, END), update("single", 2n, 7, END));
    expect(seen(await stream.take(5))).toEqual(["2:5 = 5", "2:6 = 11", "n", "1:2 = 3", "2:7 = 18"]);
    stream.end();
    expect((await stream.ended).code).toBe("OK");
    other.end();
    await other.ended;
  });

  it("who waits longest comes first", async () => {
    const streams = [1n, 2n, 3n, 4n].map((id) => {
      const stream = client.stream();
      return { id, stream };
    });
    for (const { id, stream } of streams) {
      stream.send(update("single", id, Number(id), START));
      if (id === 1n) await stream.next();
      else await stream.quietFor(60);
    }
    for (const { id, stream } of streams) {
      if (id !== 1n) expect(seen(await stream.take(1))).toEqual([`${id}:${id} = ${id}`]);
      const later = streams.filter((one) => one.id > id);
      for (const { stream: waiting } of later) expect(await waiting.quietFor(30)).toBe(true);
      stream.send(update("single", id, 10, END));
      expect(seen(await stream.take(1))).toEqual([`${id}:10 = ${Number(id) + 10}`]);
      stream.end();
    }
  });

  it("a sequence that waits may begin again, and end, and begin", async () => {
    const stream = client.stream();
    stream.send(update("single", 1n, 1, START));
    await stream.next();
    stream.send(
      update("single", 2n, 2, { start: true, end: true }),
      update("single", 2n, 4, START),
      update("single", 2n, 8, START),
      update("single", 2n, 16, END),
      update("single", 1n, 1, END),
    );
    expect(seen(await stream.take(5))).toEqual(["2:2 = 2", "2:4 = 4", "2:8 = 8", "2:16 = 24", "1:1 = 2"]);
    stream.end();
    await stream.ended;
  });

  it.each([
    ["sum", 2],
    ["lanes", 4],
    ["oldest", 3],
  ] as const)("%s has %i slots", async (model, count) => {
    const streams = Array.from({ length: count + 1 }, () => client.stream());
    for (const [index, stream] of streams.entries()) {
      stream.send(update(model, BigInt(index + 1), index + 1, START));
      if (index < count)
        expect(seen(await stream.take(1))).toEqual([`${index + 1}:${index + 1} = ${index + 1}`]);
    }
    const last = streams[count];
    const first = streams[0];
    expect(await last?.quietFor(150)).toBe(true);
    first?.send(update(model, 1n, 100, END));
    expect(seen((await first?.take(1)) ?? [])).toEqual(["1:100 = 101"]);
    expect(seen((await last?.take(1)) ?? [])).toEqual([`${count + 1}:${count + 1} = ${count + 1}`]);
    for (const [index, stream] of streams.entries()) {
      if (index > 0) {
        stream.send(update(model, BigInt(index + 1), 200, END));
        expect(seen(await stream.take(1))).toEqual([`${index + 1}:200 = ${index + 201}`]);
      }
      stream.end();
      await stream.ended;
    }
  });

  it("silence frees a slot; then a START is needed", async () => {
    const stream = client.stream();
    stream.send(update("brief", 1n, 1, START), update("brief", 2n, 5, START));
    // The second waits out the first's second of silence.
    expect(seen(await stream.take(2))).toEqual(["1:1 = 1", "2:5 = 5"]);
    stream.send(update("brief", 1n, 2));
    expect((await stream.next()).error).toBe(
      "inference request for sequence 1 to model 'brief' must specify the START flag on the first request of the sequence",
    );
    // Triton counts the wait for a slot as silence too, so that a sequence may lose the slot that it just got; not ours.
    if (subject().name === "embedded") {
      stream.send(update("brief", 2n, 6, END));
      expect(seen(await stream.take(1))).toEqual(["2:6 = 11"]);
    }
    stream.end();
    await stream.ended;
  });

  it("requests that come in time keep a sequence", async () => {
    const stream = client.stream();
    stream.send(update("brief", 3n, 1, START));
    for (let i = 1; i < 4; i++) {
      await stream.quietFor(400);
      stream.send(update("brief", 3n, 1, { end: i === 3 }));
    }
    expect(seen(await stream.take(4))).toEqual(["3:1 = 1", "3:1 = 2", "3:1 = 3", "3:1 = 4"]);
    stream.end();
    await stream.ended;
  });

  it("a cancelled stream: what it leaves behind", async () => {
    const stream = client.stream();
    stream.send(update("single", 31n, 1, START));
    await stream.next();
    stream.cancel();
    expect((await stream.ended).code).toBe("CANCELLED");
    if (subject().name === "triton") {
      // Nobody can have its slot before its idle time is over, a minute here.
      expect(await client.refused(update("single", 32n, 1, START), 300)).toMatchObject({
        code: "DEADLINE_EXCEEDED",
      });
      expect(floats(await client.infer(update("single", 31n, 2)), "total")).toEqual([3]);
      await client.infer(update("single", 31n, 1, END));
      return;
    }
    // Ours ends the sequences that a lost stream was the last to send to: nobody waits for the dead.
    expect(floats(await client.infer(update("single", 32n, 5, { start: true, end: true })), "total")).toEqual(
      [5],
    );
    expect((await client.refused(update("single", 31n, 2))).text).toMatch(/must specify the START flag/);
  });

  it("a cancelled stream does not end what another call has gone on with", async () => {
    const stream = client.stream();
    stream.send(update("sum", 33n, 1, START));
    await stream.next();
    expect(floats(await client.infer(update("sum", 33n, 2)), "total")).toEqual([3]);
    stream.cancel();
    await stream.ended;
    expect(floats(await client.infer(update("sum", 33n, 4, END)), "total")).toEqual([7]);
  });

  it("a stream that ends in order leaves its sequences open", async () => {
    const stream = client.stream();
    stream.send(update("sum", 34n, 1, START));
    stream.end();
    await stream.next();
    expect((await stream.ended).code).toBe("OK");
    expect(floats(await client.infer(update("sum", 34n, 2, END)), "total")).toEqual([3]);
  });

  it("a call that is given up while its sequence waits leaves no one waiting", async () => {
    await client.infer(update("single", 41n, 1, START));
    expect(await client.inferAndCancel(update("single", 42n, 1, START), 100)).toBe("CANCELLED");
    const stream = client.stream();
    stream.send(update("single", 43n, 7, { start: true, end: true }));
    expect(await stream.quietFor(100)).toBe(true);
    await client.infer(update("single", 41n, 1, END));
    expect(seen(await stream.take(1))).toEqual(["43:7 = 7"]);
    expect((await client.refused(update("single", 42n, 1))).text).toMatch(/must specify the START flag/);
    stream.end();
    await stream.ended;
  });

  it("END from another connection frees what a lost one held", async () => {
    const lost = new RawGrpc(subject().grpc);
    const held = lost.stream();
    held.send(update("single", 51n, 1, START));
    await held.next();
    lost.close();
    // On ours it is gone with its stream, and nothing is left to end.
    if (subject().name === "triton") await client.infer(update("single", 51n, 0, END));
    expect(floats(await client.infer(update("single", 52n, 4, { start: true, end: true })), "total")).toEqual(
      [4],
    );
  });
});
