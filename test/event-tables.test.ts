import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EventTable, openEventTable, type WrittenEvent, writeEventTable } from "@strainflow/hdf5";
import {
  createEventTimings,
  type EventOutcome,
  type InferEventsOptions,
  inferEvents,
  unaryOverStream,
} from "@strainflow/operators";
import type { EventItem, InferUnary } from "@strainflow/series";
import { createServer } from "@strainflow/server";
import { connect, type TritonClient } from "@strainflow/triton";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventColumns, HANGING_PLANE, seededEvents, writeEventModel } from "../examples/support-events.ts";
import { describeTriton, type RealTriton, startRealTriton } from "./support/real-triton.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "strainflow-event-tables-"));
  await Promise.all(
    (["python", "onnx"] as const).map((backend) => writeEventModel(join(folder, backend), backend)),
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function tableOf(name: string, events: readonly WrittenEvent[]): Promise<EventTable> {
  const path = join(folder, `${name}.h5`);
  await writeEventTable(path, events);
  return openEventTable(path, { tables: eventColumns, isolation: "none" });
}

async function collect(
  server: InferUnary,
  events: AsyncIterable<EventItem> | Iterable<EventItem>,
  options: Partial<InferEventsOptions> = {},
): Promise<EventOutcome[]> {
  const outcomes: EventOutcome[] = [];
  const infer = inferEvents(server, { model: "event-graph", ...options });
  for await (const outcome of infer(events)) outcomes.push(outcome);
  return outcomes;
}

/** What the model must make of an event, worked out from what was written. */
function expected({ tables }: WrittenEvent): { readonly plane: number[]; readonly points: number[] } {
  const planes = tables["hit_table"]!["local_plane"] as Int32Array;
  const charge = tables["hit_table"]!["integral"] as Float32Array;
  const { data } = tables["spacepoint_table"]!["hit_id"] as { readonly data: Int32Array };
  const plane = [0, 1, 2].map((p) => charge.reduce((sum, q, n) => sum + (planes[n] === p ? q : 0), 0));
  const points = Array.from({ length: data.length / 3 }, (_, n) =>
    [...data.subarray(3 * n, 3 * n + 3)].reduce((sum, id) => sum + (id < 0 ? 0 : charge[id]!), 0),
  );
  return { plane, points };
}

function expectRight(outcome: EventOutcome | undefined, written: WrittenEvent): void {
  if (outcome?.kind !== "inferred") throw outcome?.error ?? new Error("no outcome");
  const wanted = expected(written);
  const numbers = (name: string): number[] => Array.from(outcome.outputs[name]?.data as Float32Array);
  expect(outcome.outputs["spacepoint_charge"]?.shape).toEqual([wanted.points.length]);
  // Eighths below 2^24 are exact in float32, and so are sums of three; sums over a plane are too.
  expect(numbers("spacepoint_charge")).toEqual(wanted.points);
  expect(numbers("plane_charge")).toEqual(wanted.plane);
}

/** What both servers must do. */
function suite(serverOf: () => InferUnary): void {
  const events = seededEvents(60);

  it("gives every event its own outputs, of its own shape, for any concurrency and order", async () => {
    const table = await tableOf("all", events);
    for (const options of [{ concurrency: 1 }, { concurrency: 9, order: "completion" }] as const) {
      const outcomes = await collect(serverOf(), table, options);
      expect(outcomes.map(({ index }) => index).sort((a, b) => a - b)).toEqual(events.map((_, i) => i));
      for (const outcome of outcomes) expectRight(outcome, events[outcome.index]!);
    }
  });

  it("skips and reports an event on which the model fails, and one that is none for it", async () => {
    const bad = seededEvents(20, { refused: 7 });
    const items: EventItem[] = [];
    for await (const item of await tableOf("refused", bad)) items.push(item);
    const other = items[3];
    if (other?.kind !== "event") throw new Error("event 3 can be read");
    const { hit_table_integral: _, ...fewer } = other.inputs;
    items[3] = { ...other, inputs: fewer };
    const timings = createEventTimings();
    const outcomes = await collect(serverOf(), items, { timings });
    const failed = outcomes.filter((outcome) => outcome.kind === "failed");
    expect(failed.map(({ index, reason }) => [index, reason])).toEqual([
      [3, "refused"],
      [7, "refused"],
    ]);
    expect(failed[0]?.error.message).toMatch(/expected 5 inputs but got 4|missing/);
    expect(failed[1]?.error.message).toMatch(/out of bounds|out of range|indices|index/i);
    for (const outcome of outcomes)
      if (outcome.kind === "inferred") expectRight(outcome, bad[outcome.index]!);
    expect(timings.rows()).toMatchObject([
      { deployment: "event-graph", events: 20, inferred: 18, refused: 2 },
    ]);
  });
}

describe("events on the embedded server, in this process", () => {
  let server: Awaited<ReturnType<typeof createServer>>;
  beforeAll(async () => {
    server = await createServer({ repository: join(folder, "onnx") });
  });
  afterAll(() => server.close());
  suite(() => unaryOverStream(server.inProcess));
});

describe("events on the embedded server, over gRPC", () => {
  let server: Awaited<ReturnType<typeof createServer>>;
  let client: TritonClient;
  beforeAll(async () => {
    server = await createServer({ repository: join(folder, "onnx") });
    client = await connect(server.grpcAddress);
  });
  afterAll(async () => {
    client.close();
    await server.close();
  });
  suite(() => client);
});

describeTriton("events on a real Triton", () => {
  let triton: RealTriton;
  let client: TritonClient;
  beforeAll(async () => {
    triton = await startRealTriton(join(folder, "python"));
    client = await connect(triton.address);
  }, 60_000);
  afterAll(async () => {
    client.close();
    await triton.close();
  });
  suite(() => client);

  it("sends the events again that it left unanswered when it was killed, to the one that came after it", {
    timeout: 60_000,
  }, async () => {
    const events = seededEvents(120);
    const table = await tableOf("killed", events);
    const port = Number(triton.address.split(":").at(-1));
    const outcomes: EventOutcome[] = [];
    let restarted: Promise<RealTriton> | undefined;
    for await (const outcome of inferEvents(client, { model: "event-graph", concurrency: 6 })(table)) {
      outcomes.push(outcome);
      if (outcomes.length !== 40) continue;
      process.kill(triton.pid, "SIGKILL");
      restarted = triton.close().then(() => startRealTriton(join(folder, "python"), { grpcPort: port }));
    }
    triton = (await restarted) ?? triton;
    expect(outcomes.length).toBe(120);
    outcomes.forEach((outcome, i) => {
      expectRight(outcome, events[i]!);
    });
  });

  it("skips and reports an event on which the model hangs, while the others go on", async () => {
    const events = seededEvents(40);
    const hanging = events[5]!.tables["hit_table"]!["local_plane"] as Int32Array;
    hanging[0] = HANGING_PLANE;
    const table = await tableOf("hanging", events);
    const outcomes = await collect(client, table, { timeoutMs: 2000 });
    const failed = outcomes.filter((outcome) => outcome.kind === "failed");
    expect(failed.map(({ index, reason }) => [index, reason])).toEqual([[5, "timeout"]]);
    for (const outcome of outcomes)
      if (outcome.kind === "inferred") expectRight(outcome, events[outcome.index]!);
  });
});
