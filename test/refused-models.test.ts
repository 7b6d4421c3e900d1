import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRepository, parseConfig } from "@strainflow/repository";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeTriton, type RealTriton, startRealTriton } from "./support/real-triton.ts";

const io =
  'input [ { name: "x" data_type: TYPE_FP32 dims: [ 3 ] } ] output [ { name: "y" data_type: TYPE_FP32 dims: [ 3 ] } ]';
const python = `backend: "python" ${io}`;
const idle = "max_sequence_idle_microseconds: 10000000 direct {}";
const step = (model: string, input: string, output: string) =>
  `{ model_name: "${model}" model_version: -1 input_map { key: "x" value: "${input}" } output_map { key: "y" value: "${output}" } }`;
const ensemble = (text: string, ...steps: readonly string[]) =>
  `platform: "ensemble" ${text} ensemble_scheduling { step [ ${steps.join(", ")} ] }`;
const control = (text: string) =>
  `${python} sequence_batching { ${idle} control_input [ { name: "S" control [ { ${text} } ] } ] }`;
const state = (initial: string) =>
  `${python} sequence_batching { ${idle} state [ { input_name: "i" output_name: "o" data_type: TYPE_FP32 dims: [ 1 ] initial_state { ${initial} } } ] }`;

/** Models that a real Triton refuses, each for one reason. */
const REFUSED: Readonly<Record<string, string>> = {
  "wrong-name": `name: "other" ${python}`,
  "no-such-version": `${python} version_policy { specific { versions: [ 2 ] } }`,
  "zero-size": python.replace("[ 3 ]", "[ 0 ]"),
  "no-dims": python.replace("dims: [ 3 ]", ""),
  "no-type": python.replace("data_type: TYPE_FP32", ""),
  "gpus-of-cpu": `${python} instance_group [ { kind: KIND_CPU gpus: [ 0 ] } ]`,
  "preferred-size": `${python} max_batch_size: 4 dynamic_batching { preferred_batch_size: [ 8 ] }`,
  "no-default-priority": `${python} max_batch_size: 4 dynamic_batching { priority_levels: 2 }`,
  "cached-sequence": `${python} sequence_batching { ${idle} } response_cache { enable: true }`,
  "cached-decoupled": `${python} model_transaction_policy { decoupled: true } response_cache { enable: true }`,
  "no-pair": control("kind: CONTROL_SEQUENCE_START"),
  "half-a-pair": control("kind: CONTROL_SEQUENCE_START int32_false_true: [ 0 ]"),
  "float-id": control("kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_FP32"),
  "state-dims": state('data_type: TYPE_FP32 dims: [ 2 ] zero_data: true name: "n"'),
  "state-type": state('data_type: TYPE_FP64 dims: [ 1 ] zero_data: true name: "n"'),
  "state-file": state('data_type: TYPE_FP32 dims: [ 1 ] data_file: "nope" name: "n"'),
  "no-label-file": python.replace(
    'output [ { name: "y"',
    'output [ { label_filename: "labels.txt" name: "y"',
  ),
  "python-platform": `platform: "python" ${io}`,
  "e-unknown-step": ensemble(io, step("nope", "x", "y")),
  "e-no-step": ensemble(io),
  "e-twice": ensemble(io, step("fine", "x", "y"), step("fine", "x", "y")),
  "e-type": ensemble(io.replace("FP32", "INT32"), step("fine", "x", "y")),
  "e-shape": ensemble(io.replace("[ 3 ]", "[ 4 ]"), step("fine", "x", "y")),
  "e-unused-input": ensemble(
    io.replace("input [", 'input [ { name: "more" data_type: TYPE_FP32 dims: [ 3 ] },'),
    step("fine", "x", "y"),
  ),
  "e-instances": ensemble(`${io} instance_group [ { kind: KIND_CPU } ]`, step("fine", "x", "y")),
  "e-batch": ensemble(`${io} max_batch_size: 16`, step("batched", "x", "y")),
};

/** And those that it serves. */
const SERVED: Readonly<Record<string, string>> = {
  fine: python,
  batched: `${python} max_batch_size: 8`,
  "e-fine": ensemble(io, step("fine", "x", "mid"), step("fine", "mid", "y")),
};

const PROGRAM = `import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def execute(self, requests):
        get = pb_utils.get_input_tensor_by_name
        return [pb_utils.InferenceResponse([pb_utils.Tensor("y", get(r, "x").as_numpy())]) for r in requests]
`;

describeTriton("what the check of a repository calls an error", () => {
  let folder = "";
  let triton: RealTriton;
  const all = { ...REFUSED, ...SERVED };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "strainflow-refused-"));
    const { store } = await createRepository(folder);
    for (const [name, text] of Object.entries(all))
      await store.put(name, {
        "config.pbtxt": text,
        ...(text.includes("ensemble") ? { "1/": "" } : { "1/model.py": PROGRAM }),
      });
    triton = await start();
  });
  const start = (): Promise<RealTriton> =>
    startRealTriton(folder, { serverArgs: ["--model-control-mode=explicit"] });
  /**
   * One after the other, and where Triton dies, once more on a new one: a model whose instance fails takes it along now
   * and then. Dead twice is refused too.
   */
  const load = async (name: string): Promise<boolean> => {
    const loads = async (): Promise<boolean> => {
      const url = `${triton.httpAddress}/v2/repository/models/${name}/load`;
      return (await fetch(url, { method: "POST" })).status === 200;
    };
    return loads().catch(async () => {
      await triton.close();
      triton = await start();
      return loads().catch(() => false);
    });
  };
  afterAll(async () => {
    await triton?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("a real Triton refuses to load, and what passes it serves", async () => {
    const repository = await createRepository(folder);
    const problems = await repository.verify();
    const errors = new Set(problems.filter(({ severity }) => severity === "error").map(({ model }) => model));
    const loaded: string[] = [];
    for (const name of Object.keys(all)) if (await load(name)) loaded.push(name);
    expect(loaded).toEqual(Object.keys(SERVED));
    expect([...errors].sort()).toEqual(Object.keys(REFUSED).sort());
    for (const text of Object.values(all)) expect(() => parseConfig(text)).not.toThrow();
  }, 180_000);
});
