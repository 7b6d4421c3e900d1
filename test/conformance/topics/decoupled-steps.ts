import { GRPCInferenceService } from "@strainflow/proto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Topic, topic } from "../subject.ts";
import { int32, integers, uint32 } from "../wire/bytes.ts";
import { type InferInit, type InferOptions, inferRequest } from "../wire/messages.ts";
import { type Arrival, RawGrpc } from "../wire/raw-grpc.ts";
import { http, json } from "../wire/raw-http.ts";

const { method } = GRPCInferenceService;

interface Asking extends InferOptions {
  readonly delaysMs?: readonly number[];
}

/** Asks an ensemble around `repeat` for a response per value, and for its end. */
function ask(model: string, id: string, values: readonly number[], options: Asking = {}): InferInit {
  const { delaysMs = values.map(() => 0), parameters = {}, ...rest } = options;
  return inferRequest(
    model,
    [
      ["IN", "INT32", [values.length], int32(...values)],
      ["DELAY", "UINT32", [delaysMs.length], uint32(...delaysMs)],
      ["WAIT", "UINT32", [1], uint32(0)],
    ],
    { ...rest, id, parameters: { ...parameters, triton_enable_empty_final_response: true } },
  );
}

/** Whether it is the last of its request: the last with outputs may be, or an empty one behind it. */
const isFinal = ({ parameters, error }: Arrival): boolean =>
  parameters["triton_final_response"] === true || error !== "";

export const decoupledSteps: Topic = topic("ensembles with decoupled steps", (subject) => {
  let client: RawGrpc;
  beforeAll(() => {
    client = new RawGrpc(subject().grpc);
  });
  afterAll(() => client.close());

  /** What comes for each request, to its end: outputs, one behind the other, and the error. */
  async function collect(...requests: readonly InferInit[]): Promise<Record<string, Arrival[]>> {
    const stream = client.stream();
    stream.send(...requests);
    stream.end();
    const came: Record<string, Arrival[]> = {};
    for (let left = requests.length; left > 0; ) {
      const arrival = await stream.next();
      const own = came[arrival.id] ?? [];
      came[arrival.id] = own;
      if (Object.keys(arrival.outputs).length > 0 || arrival.error !== "") own.push(arrival);
      if (isFinal(arrival)) left -= 1;
    }
    expect((await stream.ended).code).toBe("OK");
    return came;
  }
  const outputs = (arrivals: readonly Arrival[] | undefined, ...names: readonly string[]) =>
    (arrivals ?? []).map((arrival) => names.map((name) => integers(arrival, name)[0]));

  it.each([
    ["each response goes on through the rest", "each", (value: number) => [10 * value]],
    ["branches of one response meet again", "forked", (value: number) => [110 * value]],
    [
      "a decoupled step behind another",
      "nested",
      (value: number) => [10 * value, 10 * value + 10, 10 * value + 20],
    ],
  ])("%s", async (_, model, of) => {
    for (const values of [[3, 1, 2], [7], []]) {
      const { r } = await collect(ask(model, "r", values));
      const wanted = values.flatMap((value, at) =>
        of(value).map((out, index, all) => [out, all.length === 1 ? at : index]),
      );
      expect(outputs(r, "OUT", "IDX")).toEqual(wanted);
    }
  });

  it("says that it is decoupled, whatever its configuration says", async () => {
    const { config } = await client.call(method.modelConfig, { name: "each" });
    expect(config?.modelTransactionPolicy?.decoupled).toBe(true);
    expect(config?.optimization).toBeUndefined();
    expect(await client.refused(ask("each", "u", [1]))).toEqual({
      code: "UNIMPLEMENTED",
      text: "ModelInfer RPC doesn't support models with decoupled transaction policy",
    });
  });

  it("its responses are told of like an ensemble's", async () => {
    const { r } = await collect(ask("each", "r", [1, 2]));
    for (const arrival of r ?? []) {
      expect(arrival).toMatchObject({ model: "each", version: "1", error: "" });
      expect(arrival.parameters).toMatchObject({
        sequence_id: 0n,
        sequence_start: false,
        sequence_end: false,
      });
    }
  });

  it("comes as it is made, and keeps nobody waiting", async () => {
    const stream = client.stream();
    stream.send(ask("each", "slow", [1, 2], { delaysMs: [0, 400] }));
    expect(outputs([await stream.next()], "OUT", "IDX")).toEqual([[10, 0]]);
    expect(await stream.quietFor(50)).toBe(true);
    stream.send(inferRequest("tenfold", [["x", "INT32", [1], int32(9)]], { id: "quick" }));
    expect((await stream.next()).id).toBe("quick");
    expect(outputs([await stream.next()], "OUT", "IDX")).toEqual([[20, 1]]);
    stream.end();
    await stream.ended;
  });

  it("some of the outputs", async () => {
    for (const name of ["OUT", "IDX"]) {
      const { r } = await collect(ask("each", "r", [1, 2], { outputs: [name] }));
      expect(r?.map((arrival) => Object.keys(arrival.outputs))).toEqual([[name], [name]]);
    }
  });

  it("a step that fails for one response ends the request", async () => {
    const stream = client.stream();
    stream.send(ask("picked", "r", [1, 9, 2]));
    const came: Arrival[] = [];
    for (;;) {
      const arrival = await stream.next();
      came.push(arrival);
      if (isFinal(arrival)) break;
    }
    expect(came.at(-1)?.error).toMatch(/^in ensemble 'picked', .+/s);
    expect(outputs(came.slice(0, -1), "OUT")).toEqual([[6]]);
    expect(await stream.quietFor(100)).toBe(true);
    // The stream and the ensemble go on.
    stream.send(ask("picked", "s", [4]));
    expect(outputs([await stream.next()], "OUT")).toEqual([[9]]);
    stream.end();
    await stream.ended;
  });

  it("many requests at once, each whole and in order", async () => {
    const values = (at: number) => Array.from({ length: 1 + (at % 4) }, (_, index) => 100 * at + index);
    const requests = Array.from({ length: 20 }, (_, at) =>
      ask(at % 2 ? "each" : "forked", `${at}`, values(at)),
    );
    const came = await collect(...requests);
    for (let at = 0; at < 20; at++)
      expect(outputs(came[`${at}`], "OUT", "IDX")).toEqual(
        values(at).map((value, index) => [value * (at % 2 ? 10 : 110), index]),
      );
  });

  const place = (id: bigint, start: boolean, end = false): InferOptions => ({
    parameters: { sequence_id: id, sequence_start: start, sequence_end: end },
  });

  it("each response is a request of its own to a stateful step, with the flags of the whole", async () => {
    const first = await collect(ask("counted", "a", [1, 2, 3], place(501n, true)));
    // Each of them says START.
    expect(outputs(first["a"], "total")).toEqual([[1], [2], [3]]);
    expect(first["a"]?.[0]?.parameters).toMatchObject({ sequence_id: 501n, sequence_start: true });
    const next = await collect(ask("counted", "b", [4, 5], place(501n, false)));
    expect(outputs(next["b"], "total")).toEqual([[7], [12]]);
    const last = await collect(ask("counted", "c", [6], place(501n, false, true)));
    expect(outputs(last["c"], "total")).toEqual([[18]]);
  });

  it("a sequence's requests come to a stateful step in their order", async () => {
    const came = await collect(
      ask("counted", "a", [1], place(502n, true)),
      ask("counted", "b", [2, 3], { delaysMs: [30, 0], ...place(502n, false) }),
      ask("counted", "c", [4, 5], place(502n, false)),
      ask("counted", "d", [6], place(502n, false, true)),
    );
    expect(outputs(came["a"], "total")).toEqual([[1]]);
    expect(outputs(came["b"], "total")).toEqual([[3], [6]]);
    expect(outputs(came["c"], "total")).toEqual([[10], [15]]);
    expect(outputs(came["d"], "total")).toEqual([[21]]);
  });

  it("what its stateful step refuses is refused", async () => {
    // Triton leaves such a request without an answer.
    if (subject().name === "triton") return;
    const { a } = await collect(ask("counted", "a", [6, 7]));
    expect(a).toMatchObject([
      {
        error:
          "in ensemble 'counted', inference request to model 'tally' must specify a non-zero or non-empty correlation ID",
      },
    ]);
  });

  it("HTTP: generate and generate_stream, and no infer", async () => {
    const post = (path: string, body: object) =>
      http(subject().http, `/v2/models/each/${path}`, { method: "POST", body });
    const said = { sequence_id: 0, sequence_start: false, sequence_end: false };
    const named = { model_name: "each", model_version: "1" };
    expect(json(await post("generate", { IN: [3], DELAY: [0], WAIT: 0 }))).toEqual({
      ...named,
      ...said,
      OUT: 30,
      IDX: 0,
    });
    const answer = await post("generate_stream", { IN: [3, 4], DELAY: [0, 0], WAIT: 0 });
    const events = answer.text.split("\n\n").filter((event) => event !== "");
    expect(events.map((event) => JSON.parse(event.slice(6)) as unknown)).toEqual([
      { ...named, ...said, OUT: 30, IDX: 0 },
      { ...named, ...said, OUT: 40, IDX: 1 },
    ]);
    expect(json(await post("infer", { inputs: [] }))).toEqual({
      error: "HTTP end point doesn't support models with decoupled transaction policy",
    });
  });

  it.each([
    ["a response with the request", { x: "INT32" }, [["plus", { a: "said", b: "x" }, { y: "OUT" }]]],
    [
      "responses of two models",
      {},
      [
        ["repeat", { IN: "IN", DELAY: "DELAY", WAIT: "WAIT" }, { OUT: "other" }],
        ["plus", { a: "said", b: "other" }, { y: "OUT" }],
      ],
    ],
  ] as const)("what does not come together is refused: %s", async (_, more, steps) => {
    const before = (await http(subject().http, "/v2/models/each/config")).text;
    const given = JSON.parse(before) as { readonly input: readonly object[] };
    const load = (config: string) => ({
      modelName: "each",
      parameters: { config: { parameterChoice: { case: "stringParam" as const, value: config } } },
    });
    const config = JSON.stringify({
      ...given,
      input: [
        ...given.input,
        ...Object.entries(more).map(([name, type]) => ({ name, data_type: `TYPE_${type}`, dims: [1] })),
      ],
      ensemble_scheduling: {
        step: [
          ["repeat", { IN: "IN", DELAY: "DELAY", WAIT: "WAIT" }, { OUT: "said", IDX: "IDX" }] as const,
          ...steps,
        ].map(([model_name, input_map, output_map]) => ({
          model_name,
          model_version: -1,
          input_map,
          output_map,
        })),
      },
    });
    expect(await client.failure(method.repositoryModelLoad, load(config))).toEqual({
      code: "INVALID_ARGUMENT",
      text: "load failed for model 'each': in ensemble each, step of model 'each' receives inputs originated from different decoupled models\n",
    });
    // Triton has taken away what was there before.
    await client.call(method.repositoryModelLoad, load(before));
    const { r } = await collect(ask("each", "r", [1]));
    expect(outputs(r, "OUT")).toEqual([[10]]);
  });
});
