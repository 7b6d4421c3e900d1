import { datatypeName, type ModelRepository } from "@strainflow/repository";
import type { TensorSpec } from "@strainflow/series";
import { connect } from "@strainflow/triton";
import type { ServerAccess } from "./server-access.ts";

/** A model's configuration, as a repository has it or a server tells it. */
type Config = Awaited<ReturnType<ModelRepository["config"]>>;

/** What a model says of itself. */
export interface ModelFacts {
  readonly name: string;
  /** `ensemble`, `onnxruntime_onnx`, … */
  readonly platform: string;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly maxBatchSize: number;
  /** Pairs of input and output that a server keeps from request to request. */
  readonly states: readonly State[];
  /** An ensemble's models, in order. */
  readonly steps: readonly string[];
  /** `strainflow.*` parameters, without the prefix; templates are counted. */
  readonly streaming: Readonly<Record<string, string>>;
  readonly templates?: number;
  /** Versions that a server serves. */
  readonly versions?: readonly string[];
}

type Tensor = Pick<TensorSpec, "name" | "shape"> & { readonly datatype: string };

interface State {
  readonly input: string;
  readonly output: string;
  readonly datatype: string;
  readonly shape: readonly number[];
}

/** Models of a repository. @throws `no-model`, `bad-model-config` */
export async function modelsOfRepository(repository: ModelRepository, name?: string): Promise<ModelFacts[]> {
  const names = name === undefined ? await repository.list() : [name];
  return Promise.all(names.map(async (one) => factsOf(await repository.config(one))));
}

/** One model of a server. @throws `server-unavailable`, `server-untrusted`, `model-not-found` */
export async function modelOfServer(
  address: string,
  name: string,
  access: ServerAccess,
): Promise<ModelFacts> {
  const client = await connect(access.address(address), access.credentials).catch((error: unknown) => {
    throw access.explain(error);
  });
  try {
    const [config, { versions }] = await Promise.all([client.modelConfig(name), client.modelMetadata(name)]);
    return { ...factsOf(config), versions };
  } finally {
    client.close();
  }
}

const PREFIX = "strainflow.";

function factsOf(config: Config): ModelFacts {
  const parameters = Object.entries(config.parameters).flatMap(([key, value]) =>
    key.startsWith(PREFIX) ? [[key.slice(PREFIX.length), value.stringValue] as const] : [],
  );
  const { templates, ...streaming } = Object.fromEntries(parameters);
  const { schedulingChoice } = config;
  const tensor = (one: Config["input"][number] | Config["output"][number]): Tensor => ({
    name: one.name,
    datatype: datatypeName(one.dataType),
    shape: one.dims.map(Number),
  });
  return {
    name: config.name,
    platform: config.platform || config.backend,
    inputs: config.input.map(tensor),
    outputs: config.output.map(tensor),
    maxBatchSize: config.maxBatchSize,
    states:
      schedulingChoice.case === "sequenceBatching"
        ? schedulingChoice.value.state.map((state) => ({
            input: state.inputName,
            output: state.outputName,
            datatype: datatypeName(state.dataType),
            shape: state.dims.map(Number),
          }))
        : [],
    steps:
      schedulingChoice.case === "ensembleScheduling"
        ? schedulingChoice.value.step.map((step) => step.modelName)
        : [],
    streaming,
    ...(templates === undefined ? {} : { templates: countOf(templates) }),
  };
}

function countOf(templates: string): number {
  try {
    const list: unknown = JSON.parse(templates);
    return Array.isArray(list) ? list.length : 0;
  } catch {
    return 0;
  }
}
