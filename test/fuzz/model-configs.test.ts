import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { onnxTwin } from "../conformance/models/onnx-twin.ts";
import { describeTriton, type RealTriton, startRealTriton } from "../support/real-triton.ts";
import { Dice } from "./dice.ts";
import { SEED, SHARDS } from "./effort.ts";
import { type FuzzedServer, startFuzzedServer } from "./fuzzed-server.ts";

/** Of each shard. One after the other: of many that fail at once this Triton dies. */
const CASES = 30;

/** A load takes a Triton a second at most; one that takes longer never ends. */
const LOAD_MS = 30_000;

const BASE = `max_batch_size: 4
input [ { name: "x" data_type: TYPE_FP32 dims: [ 3 ] } ]
output [ { name: "y" data_type: TYPE_FP32 dims: [ 3 ] } ]
instance_group [ { count: 1 kind: KIND_CPU } ]
version_policy { latest { num_versions: 1 } }
dynamic_batching { preferred_batch_size: [ 2, 4 ] max_queue_delay_microseconds: 100 }
`;

/** What may stand in place of a word of the same kind. Small numbers: Triton starts a process for each instance. */
const WORDS: readonly (readonly string[])[] = [
  ["0", "1", "2", "3", "4", "8", "-1", "4294967296"],
  ["TYPE_FP32", "TYPE_INT32", "TYPE_STRING", "TYPE_BF16", "TYPE_INVALID", "TYPE_NOPE", "10"],
  ["KIND_CPU", "KIND_AUTO", "KIND_MODEL", "KIND_NOPE"],
  ['"x"', '"y"', '""', "'x'", '"x" "y"', '"\\170"'],
  ["{", "}", "[", "]", ",", ";", ":", "<", ">", ""],
  ["input", "output", "dims", "name", "data_type", "reshape", "nope", "max_batch_size", "count", "kind"],
];

const MORE: readonly string[] = [
  "max_batch_size: 2",
  "parameters { key: 'a' value: { string_value: 'b' } }",
  "dynamic_batching {}",
  "sequence_batching { direct {} }",
  "model_transaction_policy { decoupled: false }",
  "optimization { graph { level: 1 } }",
  "response_cache { enable: false }",
  "model_warmup [ { name: 'w' batch_size: 1 inputs { key: 'x' value: { data_type: TYPE_FP32 dims: [ 3 ] zero_data: true } } } ]",
  "model_warmup [ { name: 'w' batch_size: 9 } ]",
  "version_policy { all {} }",
  "version_policy { specific { versions: [ 2 ] } }",
  "default_model_filename: 'other.bin'",
  "# a comment",
  "nope: 1",
];

function mutatedConfig(dice: Dice): string {
  const tokens: string[] = BASE.match(/"[^"]*"|[A-Za-z_0-9-]+|[^\s]/g) ?? [];
  for (let i = dice.pick([0, 1, 1, 1, 2]); i > 0; i--) {
    const at = dice.below(tokens.length);
    const token = tokens[at] ?? "";
    const kind =
      WORDS.find((words) => words.some((word) => word !== "" && word[0] === token[0])) ?? dice.pick(WORDS);
    const roll = dice.fraction();
    if (roll < 0.6) tokens[at] = dice.pick(kind);
    else if (roll < 0.7) tokens.splice(at, 1);
    else if (roll < 0.8) tokens.splice(at, 0, token);
    else tokens.push("\n", dice.pick(MORE), "\n");
  }
  return tokens.join(" ");
}

/** Why the embedded server may refuse what Triton's python backend takes: by the words in which it does. */
const EXPLAINED: readonly { readonly says: RegExp; readonly why: string }[] = [
  {
    says: /(?:in|by) the configuration and .* in the graph|its graph has no/,
    why: "a graph has types and names of its own, a Python program has not; Triton's onnxruntime backend refuses it too",
  },
];

const PYTHON = `
import triton_python_backend_utils as pb

class TritonPythonModel:
    def execute(self, requests):
        return [pb.InferenceResponse([pb.Tensor("y", pb.get_input_tensor_by_name(r, "x").as_numpy())]) for r in requests]
`;
const ONNX = onnxTwin({
  inputs: [["x", "FP32", ["batch", 3]]],
  outputs: [["y", "FP32", ["batch", 3]]],
  nodes: [{ opType: "Identity", input: ["x"], output: ["y"] }],
});

/** A Triton that a load has brought down, or that never comes to an end with it, is started anew. */
class Loads {
  readonly #folder: string;
  #triton: RealTriton | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Whether it serves the model then; `undefined` where it has not said so in time. */
  async serves(name: string): Promise<boolean | undefined> {
    this.#triton ??= await startRealTriton(this.#folder, { serverArgs: ["--model-control-mode=explicit"] });
    const signal = AbortSignal.timeout(LOAD_MS);
    try {
      const models = `${this.#triton.httpAddress}/v2/repository/models/${name}`;
      const { status } = await fetch(`${models}/load`, { method: "POST", signal });
      // One that is served holds a process of its own.
      if (status === 200) await fetch(`${models}/unload`, { method: "POST", signal });
      return status === 200;
    } catch {
      await this.close();
      return undefined;
    }
  }

  async close(): Promise<void> {
    await this.#triton?.close();
    this.#triton = undefined;
  }
}

describeTriton("changed config.pbtxt", () => {
  let folder = "";
  let triton: Loads;
  let server: FuzzedServer;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "strainflow-configs-"));
    for (const side of ["triton", "ours"]) await mkdir(join(folder, side));
    triton = new Loads(join(folder, "triton"));
    server = await startFuzzedServer(join(folder, "ours"), { workers: 1, startupModels: [] });
  }, 120_000);
  afterAll(async () => {
    await server?.stop();
    await triton?.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function write(name: string, text: string): Promise<void> {
    for (const side of ["triton", "ours"]) await mkdir(join(folder, side, name, "1"), { recursive: true });
    await writeFile(join(folder, "triton", name, "config.pbtxt"), `backend: "python"\n${text}`);
    await writeFile(join(folder, "triton", name, "1", "model.py"), PYTHON);
    await writeFile(join(folder, "ours", name, "config.pbtxt"), `platform: "onnxruntime_onnx"\n${text}`);
    await writeFile(join(folder, "ours", name, "1", "model.onnx"), ONNX);
  }

  async function loadOurs(name: string): Promise<{ readonly served: boolean; readonly text: string }> {
    const models = `${server.http}/v2/repository/models/${name}`;
    const load = await fetch(`${models}/load`, { method: "POST" });
    const text = await load.text();
    server.checkAlive();
    const served = (await fetch(`${server.http}/v2/models/${name}/ready`)).status === 200;
    expect(served).toBe(load.status === 200);
    if (served) await fetch(`${models}/unload`, { method: "POST" });
    return { served, text };
  }

  it.each(SHARDS.map(String))(
    `shard %s: ${CASES}, each served by both, or by neither, but for what the table explains`,
    async (shard) => {
      const differences: object[] = [];
      let both = 0;
      let neither = 0;
      for (let index = 0; index < CASES; index++) {
        const name = `m-${shard}-${index}`;
        const config = mutatedConfig(new Dice(`${SEED}/config/${shard}/${index}`));
        await write(name, config);
        const { served: ours, text } = await loadOurs(name);
        const theirs = await triton.serves(name);
        if (theirs === undefined) continue;
        if (ours && theirs) both++;
        else if (!ours && !theirs) neither++;
        else if (ours || !EXPLAINED.some(({ says }) => says.test(text)))
          differences.push({ name, config, ours, text });
      }
      expect(differences).toEqual([]);
      expect(both).toBeGreaterThan(CASES / 10);
      expect(neither).toBeGreaterThan(CASES / 10);
    },
    600_000,
  );
});
