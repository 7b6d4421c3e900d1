import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import {
  type ModelConfig,
  ModelInstanceGroup_Kind,
  type ModelSequenceBatching_State,
} from "@strainflow/proto";
import { byteStringsSize, ELEMENT_SIZES, splitByteStrings } from "@strainflow/series";
import type { LoadSpec, NativeSpec, StateSpec } from "../backends/worker-messages.ts";
import type { RateShare } from "../scheduling/rate-limiter.ts";
import { elementCountOf } from "../tensors/datatypes.ts";
import type { ModelFolder } from "./model-folder.ts";
import { datatypeOf, notLoadable } from "./model-spec.ts";

/** A configuration's free parameters; `strainflow.*` are ours. */
export function stringParameters(config: ModelConfig): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(config.parameters).map(([key, { stringValue }]) => [key, stringValue]),
  );
}

/** Instances that the configuration asks for; `undefined` where it leaves the number to the server. */
export function instanceCount(config: ModelConfig): number | undefined {
  if (config.instanceGroup.length === 0) return undefined;
  let count = 0;
  for (const group of config.instanceGroup) {
    if (group.kind === ModelInstanceGroup_Kind.GPU)
      throw notLoadable(
        config.name,
        "its instance_group is KIND_GPU and the embedded server has none; leave the kind out",
      );
    count += Math.max(1, group.count);
  }
  return count;
}

/** What each instance takes where a rate limiter gives out turns. A lower priority is a higher share of them. */
export function rateShares(config: ModelConfig): readonly RateShare[] {
  const groups = config.instanceGroup.length === 0 ? [undefined] : config.instanceGroup;
  return groups.flatMap((group) => {
    const limiter = group?.rateLimiter;
    const resources = new Map<string, number>();
    for (const { name, count } of limiter?.resources ?? [])
      resources.set(name, (resources.get(name) ?? 0) + count);
    const share: RateShare = { resources, priority: Math.max(1, limiter?.priority ?? 1) };
    return Array.from({ length: Math.max(1, group?.count ?? 1) }, () => share);
  });
}

/** How a compute thread loads one version of an ONNX model. `threads` is what a run may use where nothing is said. */
export async function loadSpec(folder: ModelFolder, version: string, threads: number): Promise<LoadSpec> {
  const { config } = folder;
  const parameters = stringParameters(config);
  const threadCount = (key: string, otherwise: number): number => {
    const text = parameters[key];
    const count = text === undefined ? otherwise : Number(text);
    if (!Number.isInteger(count) || count < 0 || count > 1024)
      throw notLoadable(config.name, `parameter ${key} is '${text}'; it must be a number of threads`);
    return count;
  };
  const interOpThreads = Math.max(1, threadCount("inter_op_thread_count", 1));
  const native = nativeSpec(config, parameters);
  return {
    path: join(folder.path, version, config.defaultModelFilename || "model.onnx"),
    // As in ONNX Runtime, 0 leaves the number to the server.
    intraOpThreads: threadCount("intra_op_thread_count", 0) || threads,
    interOpThreads: parameters.execution_mode === "1" ? interOpThreads : 1,
    optimizationLevel: (config.optimization?.graph?.level ?? 0) < 0 ? "basic" : "all",
    states: await stateSpecs(folder),
    ...(native === undefined ? {} : { native }),
    ...providers(config),
  };
}

/** Those for CPUs: where no instance is on a GPU, Triton does not look at those for GPUs either. */
function providers({ optimization }: ModelConfig): Pick<LoadSpec, "providers"> {
  const asked = optimization?.executionAccelerators?.cpuExecutionAccelerator ?? [];
  if (asked.length === 0) return {};
  return { providers: asked.map(({ name, parameters }) => ({ name, parameters: { ...parameters } })) };
}

async function stateSpecs({ config, path }: ModelFolder): Promise<readonly StateSpec[]> {
  const scheduling = config.schedulingChoice;
  if (scheduling.case !== "sequenceBatching") return [];
  return Promise.all(scheduling.value.state.map((state) => stateSpec(config, path, state)));
}

async function stateSpec(
  config: ModelConfig,
  path: string,
  state: ModelSequenceBatching_State,
): Promise<StateSpec> {
  const what = `state '${state.inputName}'`;
  const datatype = datatypeOf(config.name, what, state.dataType);
  // Variable dimensions of a state become 1, as in Triton.
  const dims = state.dims.map((size) => (size < 0n ? 1 : Number(size)));
  const shape = config.maxBatchSize > 0 ? [1, ...dims] : dims;
  const elements = elementCountOf(shape);
  if (elements === undefined || datatype === "BF16")
    throw notLoadable(config.name, `${what} of ${datatype} [${dims}] cannot be held`);
  const anySize = state.dims.some((size) => size < 0n);
  const spec = { input: state.inputName, output: state.outputName, datatype, shape, anySize };
  const initial = state.initialState[0];
  if (initial === undefined) return spec;
  const initialDims = initial.dims.map((size) => (size < 0n ? 1 : Number(size)));
  if (initial.dataType !== state.dataType || elementCountOf(initialDims) !== elementCountOf(dims))
    throw notLoadable(
      config.name,
      `the initial_state of ${what} is [${initialDims}] of ${initial.dataType}; the state is [${dims}] of ${state.dataType}`,
    );
  if (initial.stateData.case !== "dataFile") return spec;
  if (basename(initial.stateData.value) !== initial.stateData.value || initial.stateData.value === "..")
    throw notLoadable(
      config.name,
      `the data_file '${initial.stateData.value}' of ${what} is not the name of a file in initial_state`,
    );
  const file = join(path, "initial_state", initial.stateData.value);
  const data = await readFile(file).catch((cause: unknown) => {
    throw notLoadable(config.name, `the initial_state of ${what}, ${file}, cannot be read`, cause);
  });
  const texts = datatype === "BYTES" ? splitByteStrings(data) : undefined;
  const size = texts === undefined ? elements * ELEMENT_SIZES[datatype] : byteStringsSize(texts);
  if (texts !== undefined && texts.length !== elements)
    throw notLoadable(config.name, `${file} holds ${texts.length} texts; ${what} takes ${elements}`);
  if (data.byteLength !== size)
    throw notLoadable(config.name, `${file} holds ${data.byteLength} bytes; ${what} takes ${size}`);
  return { ...spec, initial: new Uint8Array(data) };
}

function nativeSpec(
  config: ModelConfig,
  parameters: Readonly<Record<string, string>>,
): NativeSpec | undefined {
  const kind = parameters["strainflow.native"];
  const input = config.input[0];
  if (kind === undefined || kind === "") return undefined;
  if (kind !== "snapshotter" && kind !== "aggregator")
    throw notLoadable(
      config.name,
      `parameter strainflow.native is '${kind}'; 'snapshotter' and 'aggregator' are known`,
    );
  const scheduling = config.schedulingChoice;
  const controls = scheduling.case === "sequenceBatching" ? scheduling.value.controlInput.length : 0;
  // What the kernel does not do is left to the ONNX file beside it, which does.
  if (input === undefined || config.input.length > 1 || config.maxBatchSize > 0 || controls > 0)
    return undefined;
  return {
    kind,
    input: input.name,
    inputShape: input.dims.map(Number),
    outputs: config.output.map(({ name, dims }) => ({ name, shape: dims.map(Number) })),
    parameters,
  };
}
