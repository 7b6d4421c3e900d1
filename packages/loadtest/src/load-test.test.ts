import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "@strainflow/triton";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  concurrencies,
  type LoadTestOptions,
  loadTest,
  loadTestSideBySide,
  type ModelUnderLoad,
  rates,
} from "./index.ts";
import { type ServedModels, serveModels } from "./testing/served-models.ts";

const quick = { warmupMs: 30, windowMs: 100, maxWindows: 2, windowRequests: 5, drainMs: 3000 } as const;

describe("a load test of the embedded server", () => {
  let served: ServedModels;
  beforeAll(async () => {
    served = await serveModels();
  });
  afterAll(() => served[Symbol.asyncDispose]());

  const run = (target: Partial<ModelUnderLoad> & { model: string }, options: Partial<LoadTestOptions> = {}) =>
    loadTest({
      target: { server: served.grpc, ...target },
      loads: concurrencies({ start: 2 }),
      ...quick,
      ...options,
    });
  const requestsOf = async (model: string): Promise<number> => {
    await using client = await connect(served.grpc);
    const [statistics] = await client.statistics(model);
    return Number(statistics?.inferenceStats?.success?.count ?? 0n);
  };

  it.each<[string, () => Partial<ModelUnderLoad>]>([
    ["gRPC", () => ({})],
    ["HTTP", () => ({ server: served.http })],
    ["a stream", () => ({ streaming: true })],
  ])("over %s counts what the server counts, in batches, all right", async (_, how) => {
    const before = await requestsOf("double");
    let shown = 0;
    const result = await run(
      {
        model: "double",
        shapes: { x: [4] },
        batchSize: 3,
        check: (outputs, { inputs }) => {
          shown++;
          const [x, y] = [inputs["x"]!, outputs["y"]!];
          expect(y.shape).toEqual([3, 4]);
          return [...y.data].every((value, i) => value === 2 * Number(x.data[i])) ? undefined : "not doubled";
        },
        ...how(),
      },
      { loads: concurrencies({ start: 1, end: 4, step: 3 }) },
    );
    expect(result.levels.map(({ load }) => load)).toEqual(concurrencies({ start: 1, end: 4, step: 3 }));
    expect((await requestsOf("double")) - before).toBe(shown);
    for (const level of result.levels) {
      const { requests, failed, wrong, unanswered, wrongs, server } = level;
      expect([failed, wrong, unanswered, wrongs]).toEqual([0, 0, 0, []]);
      expect(requests).toBeGreaterThan(4);
      expect(level.inferencesPerSecond).toBeCloseTo(3 * level.requestsPerSecond, 6);
      expect(server?.inferences).toBe(3 * (server?.requests ?? 0));
      expect(server?.requestUs).toBeGreaterThan(server?.computeInferUs ?? 0);
      expect(1000 * (level.latency?.meanMs ?? 0)).toBeGreaterThan(server?.computeInferUs ?? 0);
    }
  });

  it("keeps sequences in order, with any number of them open", async () => {
    const target = {
      model: "sum",
      inputs: { kind: "json", path: join(served.folder, "ones.json") },
    } as const;
    await writeFile(target.inputs.path, JSON.stringify({ data: [{ x: 1 }] }));
    for (const [streaming, loads] of [
      [false, concurrencies({ start: 3 })],
      [true, concurrencies({ start: 3 })],
      [true, rates({ start: 150 }, "poisson")],
    ] as const) {
      const lengths = new Map<string, number>();
      const result = await run(
        {
          ...target,
          streaming,
          sequences: { count: 3, length: 6, lengthVariation: 0.5, idPrefix: "s" },
          check(outputs, { position, sequenceId }) {
            lengths.set(`${sequenceId}`, position + 1);
            const sum = Number(outputs["y"]!.data[0]);
            return sum === position + 1 ? undefined : `the sum is ${sum} at ${position}`;
          },
        },
        { loads },
      );
      expect(result.subject).toMatchObject({ sequences: true, protocol: streaming ? "grpc-stream" : "grpc" });
      expect(result.levels[0]).toMatchObject({ failed: 0, wrong: 0, wrongs: [], errors: [] });
      expect(lengths.size).toBeGreaterThan(2);
      expect(Math.max(...lengths.values())).toBeLessThanOrEqual(9);
    }
    // None was left behind: another may begin at once on the model's one slot.
    await using client = await connect(served.grpc);
    const sum = await client.servedModel("sum");
    await using session = sum.openSession();
    expect((await session.infer({ x: Float32Array.of(5) }, { end: true })).outputs["y"]?.data).toEqual(
      Float32Array.of(5),
    );
  });

  it("holds answers against the file's, and shows what is wrong", async () => {
    const path = join(served.folder, "expected.json");
    const data = [{ x: { content: [1, 2], shape: [2] } }, { x: { content: [3, 4, 5], shape: [3] } }];
    const right = [{ y: [2, 4] }, { y: [6, 8, 10] }];
    await writeFile(path, JSON.stringify({ data, validation_data: right }));
    const inputs = { kind: "json", path } as const;
    expect((await run({ model: "double", inputs })).levels[0]).toMatchObject({ failed: 0, wrong: 0 });
    await writeFile(path, JSON.stringify({ data, validation_data: [{ y: [2, 4] }, { y: [6, 8.5, 10] }] }));
    const [level] = (await run({ model: "double", inputs })).levels;
    expect(level!.wrong).toBeGreaterThan(0);
    // Every other request is of that step.
    expect(Math.abs(2 * level!.wrong - level!.requests)).toBeLessThanOrEqual(4);
    expect(level!.wrongs[0]).toBe("output y[0, 1] is 8, expected 8.5 (data 0/1)");
    const near = await run({ model: "double", inputs, tolerance: { relative: 0.1 } });
    expect(near.levels[0]?.wrong).toBe(0);
  });

  it("tells an ensemble's steps apart, and a decoupled model's answers from its requests", async () => {
    const [level] = (await run({ model: "steps", check: "first" })).levels;
    expect(level?.wrong).toBe(0);
    expect(level?.server?.model).toBe("steps");
    expect(level?.server?.steps.map(({ model }) => model)).toEqual(["fixed"]);
    const path = join(served.folder, "repeat.json");
    await writeFile(path, JSON.stringify({ data: [{ IN: [5, 6, 7], DELAY: [0, 0, 0], WAIT: [0] }] }));
    const repeated = await run({ model: "repeat", inputs: { kind: "json", path } }, { windowRequests: 20 });
    const [decoupled] = repeated.levels;
    expect(repeated.subject.protocol).toBe("grpc-stream");
    expect(decoupled!.failed).toBe(0);
    expect(decoupled!.responses / decoupled!.requests).toBeGreaterThan(2.5);
  });

  it("sends from several processes, each its part, and they leave", async () => {
    const before = await requestsOf("sum");
    const result = await run(
      { model: "sum", inputs: { kind: "zero" }, check: "first", sequences: { count: 2, length: 5 } },
      { loads: rates({ start: 60 }), processes: 2, windowMs: 300 },
    );
    const [level] = result.levels;
    expect(level).toMatchObject({ failed: 0, wrong: 0, generator: { processes: 2 } });
    expect(Math.abs(level!.requests - 60 * level!.seconds)).toBeLessThanOrEqual(6);
    expect((await requestsOf("sum")) - before).toBeGreaterThanOrEqual(level!.requests - level!.unanswered);
  });

  it("finds the highest load within a goal, and says so where none is", async () => {
    const loads = concurrencies({ start: 1, end: 8 });
    // Nothing answered in a window is no way to meet a goal, and on a busy machine a short one has nothing.
    const patient = { windowMs: 500, maxWindows: 5 };
    const easy = await run({ model: "fixed" }, { ...patient, loads, goal: { latencyMs: 10_000 } });
    expect(easy.levels[easy.best!]?.load).toEqual({ kind: "concurrency", concurrency: 8 });
    expect(easy.levels).toHaveLength(2);
    const hard = await run(
      { model: "fixed" },
      { ...patient, loads, goal: { latencyMs: 0.001, percentile: 50 } },
    );
    expect([hard.best, hard.levels.length]).toEqual([undefined, 1]);
    const linear = await run(
      { model: "fixed" },
      { ...patient, loads: loads.slice(0, 3), goal: { latencyMs: 10_000 }, search: "linear" },
    );
    expect([linear.best, linear.levels.length]).toEqual([2, 3]);
  });

  it("measures two by turns", async () => {
    const order: string[] = [];
    const results = await loadTestSideBySide(
      [
        { server: served.grpc, model: "fixed" },
        { server: served.http, model: "fixed" },
      ],
      {
        loads: concurrencies({ start: 1, end: 2 }),
        ...quick,
        maxWindows: 1,
        onLevel: ({ load }, { protocol }) =>
          order.push(`${protocol} ${load.kind === "concurrency" ? load.concurrency : 0}`),
      },
    );
    expect(order).toEqual(["grpc 1", "http 1", "grpc 2", "http 2"]);
    expect(results.map(({ levels }) => levels.length)).toEqual([2, 2]);
  });

  it("refuses what cannot be sent, before anything is", async () => {
    const path = join(served.folder, "bad.json");
    await writeFile(path, JSON.stringify({ data: [{ z: [1] }] }));
    const cases: [Parameters<typeof run>, string, RegExp][] = [
      [[{ model: "nope" }], "model-not-found", /nope/],
      [
        [{ model: "double" }],
        "loadtest-input",
        /input x is \[-1\], with open sizes; say which, like --shape x:16/,
      ],
      [[{ model: "double", shapes: { z: [1] } }], "loadtest-input", /has no input z; its inputs are x/],
      [
        [{ model: "fixed", shapes: { x: [5] } }],
        "loadtest-input",
        /x of model "fixed" is \[4\]; \[5\] does not fit/,
      ],
      [[{ model: "fixed", batchSize: 2 }], "loadtest-input", /takes no batches/],
      [
        [{ model: "double", shapes: { x: [1] }, batchSize: 9 }],
        "loadtest-input",
        /batches of at most 8; 9 is more/,
      ],
      [[{ model: "double", inputs: { kind: "json", path } }], "loadtest-input", /has no input z/],
      [[{ model: "fixed", check: "expected" }], "invalid-option", /no expected outputs/],
      [[{ model: "fixed", server: served.http, streaming: true }], "invalid-option", /has no streams/],
      [[{ model: "fixed" }, { loads: [] }], "invalid-option", /loads is empty/],
      [
        [
          { model: "fixed" },
          { loads: rates({ start: 9 }).concat(rates({ start: 5 })), goal: { latencyMs: 1 } },
        ],
        "invalid-option",
        /rising/,
      ],
      [
        [{ model: "fixed", check: () => undefined }, { processes: 2 }],
        "invalid-option",
        /processes is 2; it must be 1/,
      ],
    ];
    for (const [args, tag, message] of cases)
      await expect(run(...args), `${message}`).rejects.toMatchObject({
        tag,
        message: expect.stringMatching(message),
      });
  });
});
