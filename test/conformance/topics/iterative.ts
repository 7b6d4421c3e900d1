import { afterAll, beforeAll, expect, it } from "vitest";
import { type Topic, topic } from "../subject.ts";
import { int32, integers } from "../wire/bytes.ts";
import { type InferInit, type InferOptions, inferRequest } from "../wire/messages.ts";
import { RawGrpc } from "../wire/raw-grpc.ts";

const ask = (model: string, id: string, x: number, options: InferOptions = {}): InferInit =>
  inferRequest(model, [["x", "INT32", [1], int32(x)]], { ...options, id });
/** x and the numbers from 1 to n. */
const climbed = (x: number, n = x): number => x + (n * (n + 1)) / 2;
const steps = (x: number): number[] => Array.from({ length: x }, (_, at) => climbed(x, at + 1));

/** Models that run a request as often as they like: a sequence of its own, whose runs take turns with those of others. */
export const iterative: Topic = topic("iterative models", (subject) => {
  let client: RawGrpc;
  beforeAll(() => {
    client = new RawGrpc(subject().grpc);
  });
  afterAll(() => client.close());

  it.each([
    ["climb", "total", 1],
    ["climbing", "y", 10],
  ] as const)(
    "%s answers once, without a sequence's id, after as many runs as it takes",
    async (model, name, by) => {
      for (const x of [1, 5, 2])
        expect(integers(await client.infer(ask(model, "", x)), name)).toEqual([by * climbed(x)]);
    },
  );

  it("many at once, also more than there are places for: each is its own", async () => {
    const numbers = Array.from({ length: 12 }, (_, at) => 1 + (at % 6));
    const answers = await Promise.all(numbers.map((x, at) => client.infer(ask("climb", `${at}`, x))));
    expect(answers.map((answer) => integers(answer, "total")[0])).toEqual(numbers.map((x) => climbed(x)));
  });

  it("one that is long lets the short ones pass", async () => {
    const order: string[] = [];
    const asked = async (id: string, x: number): Promise<void> => {
      await client.infer(ask("climb", id, x));
      order.push(id);
    };
    await Promise.all([asked("long", 200), asked("short", 1)]);
    expect(order).toEqual(["short", "long"]);
  });

  it.each([
    ["climb-aloud", "total", 1],
    ["climbing-aloud", "y", 10],
  ] as const)("%s answers after each run", async (model, name, by) => {
    const stream = client.stream();
    const parameters = { triton_enable_empty_final_response: true };
    stream.send(ask(model, "a", 4, { parameters }), ask(model, "b", 2, { parameters }));
    const came: Record<string, (number | bigint | undefined)[]> = { a: [], b: [] };
    for (let left = 2; left > 0; ) {
      const arrival = await stream.next();
      expect(arrival.error).toBe("");
      if (name in arrival.outputs) came[arrival.id]?.push(integers(arrival, name)[0]);
      if (arrival.parameters["triton_final_response"] === true) left -= 1;
    }
    expect(came).toEqual({ a: steps(4).map((value) => by * value), b: steps(2).map((value) => by * value) });
    stream.end();
    expect((await stream.ended).code).toBe("OK");
  });

  it("a sequence that is named begins with START, and is over when its model asks for no more", async () => {
    const place = (start: boolean) => ({ parameters: { sequence_id: 77n, sequence_start: start } });
    for (let round = 0; round < 2; round++)
      expect(integers(await client.infer(ask("climb", "", 3, place(true))), "total")).toEqual([climbed(3)]);
    expect(await client.refused(ask("climb", "", 3, place(false)))).toEqual({
      code: "INVALID_ARGUMENT",
      text: "inference request for sequence 77 to model 'climb' must specify the START flag on the first request of the sequence",
    });
  });
});
