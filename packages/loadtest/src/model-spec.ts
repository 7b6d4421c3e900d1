import type { ModelConfig } from "@strainflow/proto";
import { invalidOption } from "@strainflow/series";
import type { ServedModel, TritonClient } from "@strainflow/triton";
import type { GeneratorSpec } from "./generator.ts";
import { readJsonRows } from "./json-rows.ts";
import type { LoadTestOptions, ModelUnderLoad } from "./load-test-options.ts";
import type { SubjectFacts } from "./load-test-result.ts";
import { inputError, type ModelTensors, modelTensors } from "./model-inputs.ts";
import { npyRows } from "./npy-rows.ts";
import { checkWhole } from "./open-subject.ts";
import { generatedRows, type Rows, requestData } from "./rows.ts";
import { sequenceRules } from "./sequence-plan.ts";

interface ModelSpec {
  readonly spec: Pick<GeneratorSpec, "target" | "sequences">;
  readonly facts: SubjectFacts;
  /** The model, and the steps where it is an ensemble. */
  readonly models: readonly string[];
}

/** What generators are to send to a model. @throws `loadtest-input`, `invalid-option`, what the server refuses */
export async function modelSpec(
  client: TritonClient,
  target: ModelUnderLoad,
  options: LoadTestOptions,
): Promise<ModelSpec> {
  const { batchSize = 1, version = "", server, inputs: source = { kind: "random" } } = target;
  checkWhole("batchSize", batchSize, 1);
  const model = await client.servedModel(target.model, version === "" ? {} : { version });
  const http = /^https?:/.test(server);
  const { streaming = model.decoupled && !http } = target;
  if (streaming && http)
    throw invalidOption(
      "loadTest",
      "streaming",
      streaming,
      `false, or the server an address of gRPC: ${server} has no streams`,
    );
  const tensors = modelTensors(model, target.shapes ?? {});
  if (batchSize > 1 && batchSize > model.config.maxBatchSize && tensors.batched)
    throw inputError(
      `model "${model.name}" takes batches of at most ${model.config.maxBatchSize}; ${batchSize} is more`,
    );
  const { sequences: chosen = "auto" } = target;
  const sequenced = chosen === "auto" ? await isSequenced(client, model.config) : chosen !== false;
  const rows = await readRows(model, tensors, source, options.seed ?? 1);
  const data = requestData(model.name, tensors, rows, batchSize, sequenced);
  const hasExpected = data.streams.some((steps) => steps.some(({ expected }) => expected !== undefined));
  const check = target.check ?? (hasExpected ? "expected" : "none");
  if (check === "expected" && !hasExpected)
    throw invalidOption(
      "loadTest",
      "check",
      check,
      '"first", "none" or a function: the data have no expected outputs',
    );
  const sequences = typeof target.sequences === "object" ? target.sequences : {};
  const { outputs, parameters, tolerance = {}, connect = {} } = target;
  const most = Math.max(
    1,
    ...options.loads.map((load) => (load.kind === "concurrency" ? load.concurrency : 1)),
  );
  const rules = sequenced
    ? sequenceRules(sequences, { dataHasSequences: data.hasSequences, serial: !streaming, most })
    : undefined;
  return {
    spec: {
      target: {
        kind: "model",
        address: server,
        modelName: model.name,
        version,
        streaming,
        connect: { connections: http ? Math.min(256, Math.max(16, most)) : 1, ...connect },
        data,
        check,
        tolerance,
        timeoutMs: options.timeoutMs ?? 30_000,
        ...(outputs === undefined ? {} : { outputs }),
        ...(parameters === undefined ? {} : { parameters }),
      },
      ...(rules === undefined ? {} : { sequences: rules }),
    },
    facts: {
      kind: "model",
      name: `${model.name} on ${server}`,
      address: server,
      model: model.name,
      version: model.version,
      server: `${client.server.name} ${client.server.version}`,
      protocol: http ? "http" : streaming ? "grpc-stream" : "grpc",
      batchSize,
      sequences: sequenced,
    },
    models: [model.name, ...(await stepsOf(client, model.config))],
  };
}

function readRows(
  model: ServedModel,
  tensors: ModelTensors,
  source: NonNullable<ModelUnderLoad["inputs"]>,
  seed: number,
): Promise<Rows> {
  switch (source.kind) {
    case "json":
      return readJsonRows(model.name, tensors, source.path);
    case "npy":
      return npyRows(model.name, tensors, source.inputs, source.expected ?? {});
    default:
      return Promise.resolve(generatedRows(tensors, source.kind, seed));
  }
}

/** Whether it, or a step of it, keeps sequences. */
async function isSequenced(client: TritonClient, config: ModelConfig): Promise<boolean> {
  if (config.schedulingChoice.case === "sequenceBatching") return true;
  for (const step of await stepsOf(client, config)) {
    const { schedulingChoice } = await client.modelConfig(step);
    if (schedulingChoice.case === "sequenceBatching") return true;
  }
  return false;
}

/** The models that an ensemble is made of, and those that they are made of. */
async function stepsOf(client: TritonClient, config: ModelConfig): Promise<string[]> {
  if (config.schedulingChoice.case !== "ensembleScheduling") return [];
  const names = new Set<string>();
  for (const { modelName } of config.schedulingChoice.value.step) {
    if (names.has(modelName)) continue;
    names.add(modelName);
    for (const inner of await stepsOf(client, await client.modelConfig(modelName))) names.add(inner);
  }
  return [...names];
}
