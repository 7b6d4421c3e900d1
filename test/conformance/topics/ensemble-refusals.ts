import { GRPCInferenceService } from "@strainflow/proto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Topic, topic } from "../subject.ts";
import { RawGrpc } from "../wire/raw-grpc.ts";
import { http } from "../wire/raw-http.ts";

const { method } = GRPCInferenceService;

type Map = Readonly<Record<string, string>>;
type Step = readonly [model: string, inputs: Map, outputs: Map];
type Tensor = readonly [name: string, type: string, ...dims: readonly number[]];

interface Draft {
  readonly inputs?: readonly Tensor[];
  readonly outputs?: readonly Tensor[];
  readonly steps: readonly Step[];
  readonly batch?: number;
  readonly more?: object;
}

/** What `chain` is taken to be: an ensemble of this kind. */
function configOf({ inputs = [], outputs = [], steps, batch = 0, more = {} }: Draft): string {
  const tensors = (list: readonly Tensor[]) =>
    list.map(([name, type, ...dims]) => ({ name, data_type: `TYPE_${type}`, dims }));
  return JSON.stringify({
    name: "chain",
    platform: "ensemble",
    max_batch_size: batch,
    input: tensors(inputs),
    output: tensors(outputs),
    ensemble_scheduling: {
      step: steps.map(([model_name, input_map, output_map]) => ({
        model_name,
        model_version: -1,
        input_map,
        output_map,
      })),
    },
    ...more,
  });
}

const X: Tensor = ["x", "FP32", 2, 4];
const Y: Tensor = ["y", "FP32", 2, 4];
const NET: Step = ["net", { x: "x" }, { y: "y" }];

/** What is wrong by the configuration alone: the answer says no more than that, and the log the rest. */
const LOOSE: readonly (readonly [string, Draft])[] = [
  ["no steps", { inputs: [X], outputs: [Y], steps: [] }],
  ["a step without inputs", { inputs: [X], outputs: [Y], steps: [["net", {}, { y: "y" }]] }],
  ["a step without outputs", { inputs: [X], outputs: [Y], steps: [["net", { x: "x" }, {}]] }],
  ["a step without a model", { inputs: [X], outputs: [Y], steps: [["", { x: "x" }, { y: "y" }]] }],
  ["a tensor made twice", { inputs: [X], outputs: [Y], batch: 8, steps: [NET, NET] }],
  ["an input that nothing reads", { inputs: [X, ["z", "FP32", 1]], outputs: [Y], batch: 8, steps: [NET] }],
  ["an output that nothing names", { inputs: [X], outputs: [Y, ["z", "FP32", 1]], batch: 8, steps: [NET] }],
  [
    "an output that hangs on nothing",
    {
      inputs: [X],
      outputs: [Y],
      batch: 8,
      steps: [
        ["net", { x: "w" }, { y: "v" }],
        ["net", { x: "v" }, { y: "y" }],
        ["net", { x: "x" }, { y: "u" }],
      ],
    },
  ],
  [
    "an output of nothing",
    {
      inputs: [X],
      outputs: [["w", "FP32", 2, 4]],
      batch: 8,
      steps: [
        ["net", { x: "w" }, { y: "v" }],
        ["net", { x: "x" }, { y: "u" }],
      ],
    },
  ],
  [
    "a circle",
    {
      inputs: [X],
      outputs: [Y],
      batch: 8,
      steps: [["net", { x: "b" }, { y: "a" }], ["net", { x: "a" }, { y: "b" }], NET],
    },
  ],
  [
    "a tensor that nothing reads",
    { inputs: [X], outputs: [Y], batch: 8, steps: [NET, ["net", { x: "x" }, { y: "z" }]] },
  ],
  [
    "instances",
    { inputs: [X], outputs: [Y], batch: 8, steps: [NET], more: { instance_group: [{ count: 1 }] } },
  ],
];

/** What is wrong beside the models that it names, and the words for it. */
const UNFIT: readonly (readonly [string, Draft, string])[] = [
  [
    "a larger batch",
    { inputs: [X], outputs: [Y], batch: 16, steps: [NET] },
    "ensemble chain allows maximum batch size 16, but it contains model net which only allows maximum batch size to be 8",
  ],
  [
    "another type",
    { inputs: [["x", "INT32", 2, 4]], outputs: [Y], batch: 8, steps: [NET] },
    "in ensemble chain, ensemble tensor x: inconsistent data type: TYPE_INT32 is inferred from model chain while TYPE_FP32 is inferred from model net",
  ],
  [
    "another type of an output",
    { inputs: [X], outputs: [["y", "STRING", 2, 4]], batch: 8, steps: [NET] },
    "in ensemble chain, ensemble tensor y: inconsistent data type: TYPE_STRING is inferred from model chain while TYPE_FP32 is inferred from model net",
  ],
  [
    "another shape",
    { inputs: [["x", "FP32", 2, 5]], outputs: [Y], batch: 8, steps: [NET] },
    "in ensemble chain, ensemble tensor x: inconsistent shape: [-1,2,5] is inferred from model chain while [-1,2,4] is inferred from model net",
  ],
  [
    "another rank of an output",
    { inputs: [X], outputs: [["y", "FP32", 2, 4, 1]], batch: 8, steps: [NET] },
    "in ensemble chain, ensemble tensor y: inconsistent shape: [-1,2,4,1] is inferred from model chain while [-1,2,4] is inferred from model net",
  ],
  [
    "two models that do not fit",
    {
      inputs: [X],
      outputs: [["z", "FP32", 3]],
      batch: 8,
      steps: [
        ["net", { x: "x" }, { y: "a" }],
        ["plain", { x: "a" }, { y: "z" }],
      ],
    },
    "in ensemble chain, ensemble tensor a: inconsistent shape: [-1,2,4] is inferred from model net while [3] is inferred from model plain",
  ],
  [
    "an input that the model has not",
    { inputs: [X], outputs: [Y], batch: 8, steps: [["net", { x: "x", q: "x" }, { y: "y" }]] },
    "in ensemble chain, ensemble tensor x is mapping to non-existing input q in model net",
  ],
  [
    "an output that the model has not",
    { inputs: [X], outputs: [Y], batch: 8, steps: [["net", { x: "x" }, { q: "y" }]] },
    "in ensemble chain, ensemble tensor y is mapped from non-existing output q in model net",
  ],
  [
    "an input that is not given",
    { inputs: [["a", "INT32", 1]], outputs: [["y", "INT32", 1]], steps: [["plus", { a: "a" }, { y: "y" }]] },
    "in ensemble chain, input b in model plus is not mapped to any ensemble tensors",
  ],
  [
    "a model that there is not",
    { inputs: [X], outputs: [Y], batch: 8, steps: [["nope", { x: "x" }, { y: "y" }]] },
    "ensemble chain contains models that are not available or ambiguous: nope",
  ],
];

/** Ensembles that do not hold together, and how a load says so. */
export const ensembleRefusals: Topic = topic("ensembles that are refused", (subject) => {
  let client: RawGrpc;
  let before: string;
  beforeAll(async () => {
    client = new RawGrpc(subject().grpc);
    before = (await http(subject().http, "/v2/models/chain/config")).text;
  });
  const load = (config: string) => ({
    modelName: "chain",
    parameters: { config: { parameterChoice: { case: "stringParam" as const, value: config } } },
  });
  afterAll(async () => {
    await client.call(method.repositoryModelLoad, load(before));
    client.close();
  });

  it.each(LOOSE)("%s", async (_, draft) => {
    expect(await client.failure(method.repositoryModelLoad, load(configOf(draft)))).toEqual({
      code: "INTERNAL",
      text: "failed to load 'chain', failed to poll from model repository",
    });
  });

  it.each(UNFIT)("%s", async (_, draft, why) => {
    expect(await client.failure(method.repositoryModelLoad, load(configOf(draft)))).toEqual({
      code: "INVALID_ARGUMENT",
      text: `load failed for model 'chain': ${why}\n`,
    });
  });

  it("a whole batch of one model is one tensor of another", async () => {
    const config = configOf({ inputs: [X], outputs: [Y], steps: [NET] });
    await client.call(method.repositoryModelLoad, load(config));
    expect((await client.call(method.modelReady, { name: "chain" })).ready).toBe(true);
  });
});
