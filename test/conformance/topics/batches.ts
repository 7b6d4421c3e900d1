import { afterAll, beforeAll, expect, it } from "vitest";
import { type Topic, topic } from "../subject.ts";
import { float32, floats, int64, integers } from "../wire/bytes.ts";
import { type InferInit, type InferOptions, inferRequest } from "../wire/messages.ts";
import { RawGrpc } from "../wire/raw-grpc.ts";

const wait = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

interface Asking extends InferOptions {
  readonly rows?: number;
  readonly columns?: number;
  readonly ms?: number;
}

function ask(model: string, id: string, options: Asking = {}): InferInit {
  const { rows = 1, columns = 1, ms = 0, ...rest } = options;
  const values = Array.from({ length: rows * columns }, (_, at) => at + Number(id.length));
  return inferRequest(
    model,
    [
      ["x", "FP32", [rows, columns], float32(...values)],
      ["ms", "INT64", [rows, 1], int64(...new Array<number>(rows).fill(ms))],
    ],
    { ...rest, id },
  );
}

/** Who shares a batch hangs on who has come by then: on a machine that stands still meanwhile it is tried again. */
const AGAIN = { retry: 3 };

/** Requests that share batches: which do, in what order, and which wait too long. */
export const batches: Topic = topic("shared batches", (subject) => {
  let client: RawGrpc;
  beforeAll(() => {
    client = new RawGrpc(subject().grpc);
  });
  afterAll(() => client.close());

  // Sizes of requests in a row, and of how many rows the batch was that each was in. 4 rows are preferred, 8 are most.
  it.each([
    [
      [1, 1, 1, 1],
      [4, 4, 4, 4],
    ],
    [
      [1, 1, 1],
      [3, 3, 3],
    ],
    [
      [1, 1, 1, 1, 1, 1],
      [4, 4, 4, 4, 2, 2],
    ],
    [
      [3, 3],
      [3, 3],
    ],
    [
      [2, 2, 2],
      [4, 4, 2],
    ],
    [[8], [8]],
    [
      [5, 1],
      [5, 1],
    ],
    [
      [1, 8],
      [1, 8],
    ],
    [
      [4, 4],
      [4, 4],
    ],
  ])("requests of %j rows go in batches of %j", AGAIN, async (sizes, together) => {
    const stream = client.stream();
    stream.send(...sizes.map((rows, at) => ask("gather", `${"i".repeat(at)}`, { rows })));
    const answers = await stream.take(sizes.length);
    expect(answers.map((answer) => integers(answer, "rows")[0])).toEqual(together);
    for (const [at, answer] of answers.entries())
      expect(floats(answer, "y")).toEqual(Array.from({ length: sizes[at] ?? 0 }, (_, row) => 2 * (row + at)));
    stream.end();
    await stream.ended;
  });

  it("those of another shape are in another batch", AGAIN, async () => {
    const stream = client.stream();
    const columns = [1, 1, 2, 2, 2, 1];
    stream.send(...columns.map((columns, at) => ask("gather", `${at}`, { columns })));
    const answers = await stream.take(columns.length);
    expect(answers.map((answer) => integers(answer, "rows")[0])).toEqual([2, 2, 3, 3, 3, 1]);
    stream.end();
    await stream.ended;
  });

  /** Holds the only instance, and asks for more meanwhile: in what order they are answered. */
  async function behind(model: string, asked: readonly InferInit[]): Promise<string[]> {
    const held = client.infer(ask(model, "held", { ms: 800 }));
    await wait(100);
    const order: string[] = [];
    const answers: Promise<unknown>[] = [];
    for (const one of asked) {
      answers.push(client.infer(one).then(({ id }) => order.push(id)));
      await wait(20);
    }
    await Promise.all([held, ...answers]);
    return order;
  }

  it(
    "the more urgent first, whenever they came; without a priority as with the usual one",
    AGAIN,
    async () => {
      const priorities: readonly [string, bigint | undefined][] = [
        ["low", 3n],
        ["low too", 3n],
        ["usual", undefined],
        ["middle", 2n],
        ["high", 1n],
        ["high too", 1n],
      ];
      const order = await behind(
        "ranked",
        priorities.map(([id, priority]) =>
          ask("ranked", id, { ms: 60, ...(priority === undefined ? {} : { parameters: { priority } }) }),
        ),
      );
      const pairs = [0, 2, 4].map((at) => order.slice(at, at + 2).sort());
      expect(pairs).toEqual([
        ["high", "high too"],
        ["middle", "usual"],
        ["low", "low too"],
      ]);
    },
  );

  it(
    "who waits too long is refused, and who asks for less time sooner; one that is let run is answered",
    AGAIN,
    async () => {
      const held = client.infer(ask("hasty", "held", { ms: 1500 }));
      await wait(50);
      expect(await client.refused(ask("hasty", "late"))).toEqual({
        code: "UNAVAILABLE",
        text: "Request timeout expired",
      });
      expect(await client.refused(ask("hasty", "sooner", { parameters: { timeout: 1000n } }))).toEqual({
        code: "UNAVAILABLE",
        text: "Request timeout expired",
      });
      await held;
      expect((await client.infer(ask("hasty", "next"))).id).toBe("next");
    },
  );

  it("no more wait than may", AGAIN, async () => {
    const held = client.infer(ask("hasty", "held", { ms: 1000 }));
    await wait(50);
    const waiting = ["a", "b"].map((id) => client.refused(ask("hasty", id)));
    await wait(20);
    const refused = await client.refused(ask("hasty", "c"));
    expect(refused).toEqual({ code: "UNAVAILABLE", text: "[request id: c] Exceeds maximum queue size" });
    for (const one of await Promise.all(waiting)) expect(one.code).toBe("UNAVAILABLE");
    await held;
  });

  it("or those that are late wait behind those that are not", AGAIN, async () => {
    const order = await behind("lenient", [
      ask("lenient", "late", { ms: 60, parameters: { timeout: 1000n } }),
      ask("lenient", "patient", { ms: 60 }),
      ask("lenient", "late too", { ms: 60, parameters: { timeout: 2000n } }),
      ask("lenient", "patient too", { ms: 60 }),
    ]);
    expect(order).toEqual(["patient", "patient too", "late", "late too"]);
  });
});
