import type { InferCall } from "@strainflow/series";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { InProcessModel } from "../in-process.ts";
import { createServer, type InferenceServer } from "../server.ts";
import { type Result, type Sent, SequenceModel, seenOf } from "../testing/sequence-model.ts";
import {
  accumulator,
  BATCH,
  sharingSums,
  type TinyRepository,
  tinyRepository,
} from "../testing/tiny-repository.ts";

const CLIENTS = 3;
/** Of every model: instances, rows of a batch, or candidates. */
const SLOTS = 2;

type Step =
  | { readonly kind: "send"; readonly sent: Sent }
  | { readonly kind: "lose"; readonly client: number };

const client = fc.nat({ max: CLIENTS - 1 });
const send = fc
  .record({
    client,
    id: fc.constantFrom<bigint | string>(1n, 2n, 3n, 4n, "1"),
    value: fc.integer({ min: 1, max: 99 }),
    start: fc.boolean(),
    end: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
  })
  .map((sent): Step => ({ kind: "send", sent }));
const lose = client.map((lost): Step => ({ kind: "lose", client: lost }));
const steps = fc.array(fc.oneof({ arbitrary: send, weight: 12 }, { arbitrary: lose, weight: 1 }), {
  minLength: 1,
  maxLength: 30,
});

const MODELS = [
  { name: "alone", how: "each by itself", shape: [BATCH, 1] },
  { name: "direct", how: "each in its row of the batch", shape: [1, 1] },
  { name: "oldest", how: "batches of who waits longest", shape: [1, 1] },
];

describe.each(MODELS)("the rules of sequences, $how", ({ name, shape }) => {
  let repository: TinyRepository;
  let server: InferenceServer;
  let model: InProcessModel;
  let runs = 0;

  beforeAll(async () => {
    repository = await tinyRepository([
      accumulator("alone"),
      sharingSums("direct", "direct {}", SLOTS),
      sharingSums("oldest", `oldest { max_candidate_sequences: ${SLOTS} preserve_ordering: true }`, 8),
    ]);
    server = await createServer({ repository: repository.path, workers: 2 });
    model = server.inProcess(name);
  });
  afterAll(async () => {
    await server.close();
    await repository.remove();
  });

  /** What each client sees, step by step. */
  async function compare(trial: readonly Step[]): Promise<void> {
    const rules = new SequenceModel(CLIENTS, SLOTS);
    // Ids of their own for each trial: what one leaves open is not the next one's.
    const run = ++runs;
    // The CORRID of the models that share batches is a number.
    const text = (id: string) => (name === "alone" ? `${run}-${id}` : BigInt(run) * 100n + 50n + BigInt(id));
    const idOf = (id: bigint | string) => (typeof id === "string" ? text(id) : BigInt(run) * 100n + id);
    const seen: Result[][] = Array.from({ length: CLIENTS }, () => []);
    const calls = seen.map(
      (results): InferCall =>
        model.open({
          response: ({ error, outputs }) => {
            const data = outputs["total"]?.data;
            results.push(error === undefined && data instanceof Float32Array ? (data[0] ?? 0) : "refused");
          },
          lost: () => {},
        }),
    );
    const settled = async (): Promise<void> => {
      const deadline = performance.now() + 10_000;
      const due = () => rules.results.map((results, at) => (rules.isGone(at) ? [] : seenOf(results)));
      const got = () => seen.map((results, at) => (rules.isGone(at) ? [] : results));
      while (JSON.stringify(got()) !== JSON.stringify(due()) && performance.now() < deadline) {
        if (got().some((results, at) => results.length > (due()[at]?.length ?? 0))) break;
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(got()).toEqual(due());
    };
    try {
      for (const step of trial) {
        if (step.kind === "lose") {
          rules.lose(step.client);
          calls[step.client]?.cancel();
        } else if (!rules.isGone(step.sent.client)) {
          const { sent } = step;
          rules.send(sent);
          const data = new Float32Array(shape[0] ?? 1);
          data[0] = sent.value;
          calls[sent.client]?.send({
            id: "",
            inputs: { update: { datatype: "FP32", shape, data } },
            sequence: { id: idOf(sent.id), start: sent.start, end: sent.end },
          });
        }
        await settled();
      }
    } finally {
      for (const call of calls) call.cancel();
    }
  }

  it("hold for any requests of any clients, also of such as are lost", async () => {
    await fc.assert(fc.asyncProperty(steps, compare), { numRuns: 150 });
  });

  it("leave every slot free in the end", async () => {
    await fc.assert(fc.asyncProperty(steps, compare), { numRuns: 20 });
    await compare(
      [1n, 2n].map((id) => ({ kind: "send", sent: { client: 0, id, value: 1, start: true, end: false } })),
    );
  });
});
