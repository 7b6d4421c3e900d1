import type { ModelConfig } from "@strainflow/proto";
import { StrainflowError, type StreamingSpec, type TensorSpec } from "@strainflow/series";
import {
  type Configs,
  type DerivedStream,
  deriveAveraging,
  deriveStreams,
  strainflowParameters,
} from "./derive-streams.ts";

/** What a model's configuration does not say, or says wrongly. Each field wins over what was found. */
export interface StreamingOverrides {
  /** Name of the streamed input. */
  readonly input?: string;
  /** Hz. */
  readonly sampleRate?: number;
  readonly channels?: readonly string[];
  /** Samples. */
  readonly strideSize?: number;
  /** Strides per request. */
  readonly batchSize?: number;
  /** Output samples per stride. */
  readonly updateSize?: number;
  /** Samples. */
  readonly memory?: number;
  /** Samples. */
  readonly latency?: number;
}

interface SpecOptions {
  readonly config: ModelConfig;
  /** From the metadata: shapes include the batch dimension. */
  readonly inputs: readonly TensorSpec[];
  /** Configurations of the steps, by name; empty where the model is no ensemble. */
  readonly configs: Configs;
  readonly overrides: StreamingOverrides;
}

/**
 * How a model is streamed to: from `overrides`, else from the `strainflow.*` parameters of its configuration, else from
 * its states (an ensemble's: from those of its steps).
 *
 * @throws `streaming-spec` naming each fact that could not be found, and the option that supplies it
 */
export function streamingSpec({ config, inputs, configs, overrides }: SpecOptions): StreamingSpec {
  const own = strainflowParameters(config);
  const derived = chooseStream(
    config,
    deriveStreams(config, configs),
    overrides.input ?? own.get("stream_input"),
  );
  const said = (key: string): string | undefined => own.get(key) ?? derived?.parameters.get(key);

  const inputName = overrides.input ?? own.get("stream_input") ?? derived?.input ?? onlyName(inputs);
  const input = inputs.find(({ name }) => name === inputName);
  if (input === undefined)
    throw specError(
      config.name,
      inputName === undefined
        ? `which of its inputs (${names(inputs)}) takes the stream is not known; give streaming.input`
        : `it has no input "${inputName}" (its inputs are ${names(inputs)})`,
    );
  const requestSize = positive(input.shape.at(-1)) ?? derived?.requestSize;

  let strideSize = overrides.strideSize ?? whole(config.name, "stride_size", said("stride_size"));
  let batchSize =
    overrides.batchSize ?? whole(config.name, "batch_size", said("batch_size")) ?? derived?.batchSize;
  if (requestSize !== undefined) {
    if (strideSize === undefined && batchSize !== undefined) strideSize = requestSize / batchSize;
    if (batchSize === undefined && strideSize !== undefined) batchSize = requestSize / strideSize;
  }
  const sampleRate = overrides.sampleRate ?? whole(config.name, "sample_rate", said("sample_rate"));
  const channels =
    overrides.channels ??
    said("channels")
      ?.split(",")
      .map((name) => name.trim());

  const averaging = deriveAveraging(config, configs);
  const averagedSize =
    strideSize === undefined || averaging.strides === undefined ? undefined : averaging.strides * strideSize;
  const updateSize =
    overrides.updateSize ?? whole(config.name, "update_size", own.get("update_size")) ?? averaging.updateSize;
  // Only the model's own words: a step's would leave out the steps after it.
  const latency = overrides.latency ?? whole(config.name, "latency", own.get("latency")) ?? averagedSize;
  const memory =
    overrides.memory ??
    whole(config.name, "memory", own.get("memory")) ??
    sum(derived?.snapshotSize, averagedSize, strideSize === undefined ? undefined : -strideSize);

  const found = { sampleRate, channels, strideSize, batchSize, updateSize, memory, latency };
  const missing = Object.entries(found).flatMap(([fact, value]) => (value === undefined ? [fact] : []));
  if (
    sampleRate === undefined ||
    channels === undefined ||
    strideSize === undefined ||
    batchSize === undefined ||
    updateSize === undefined ||
    memory === undefined ||
    latency === undefined
  )
    throw specError(
      config.name,
      `neither its strainflow.* parameters nor its states say ${missing.join(", ")}; ` +
        `give ${missing.map((fact) => `streaming.${fact}`).join(", ")}`,
      { missing },
    );
  const spec = {
    input: { ...input, shape: updateShape(input.shape, channels.length, strideSize * batchSize) },
    sampleRate,
    channels,
    strideSize,
    batchSize,
    updateSize,
    memory,
    latency,
  };
  check(config.name, spec, input);
  return spec;
}

function chooseStream(
  config: ModelConfig,
  streams: readonly DerivedStream[],
  input: string | undefined,
): DerivedStream | undefined {
  if (input !== undefined) return streams.find((stream) => stream.input === input);
  const distinct = new Set(streams.map((stream) => stream.input));
  if (distinct.size > 1)
    throw specError(
      config.name,
      `several of its inputs are streamed (${[...distinct].join(", ")}); choose one by streaming.input`,
    );
  return streams[0];
}

/** The shape of one update: what the model leaves open is filled in. */
function updateShape(shape: readonly number[], channelCount: number, requestSize: number): number[] {
  return shape.map((size, i) => {
    if (size >= 0) return size;
    if (i === shape.length - 1) return requestSize;
    return i === shape.length - 2 ? channelCount : 1;
  });
}

function check(modelName: string, spec: StreamingSpec, input: TensorSpec): void {
  const { sampleRate, channels, strideSize, batchSize, updateSize, memory, latency } = spec;
  for (const [fact, value, least] of [
    ["sampleRate", sampleRate, 1],
    ["strideSize", strideSize, 1],
    ["batchSize", batchSize, 1],
    ["updateSize", updateSize, 1],
    ["memory", memory, 0],
    ["latency", latency, 0],
  ] as const)
    if (!Number.isInteger(value) || value < least)
      throw specError(modelName, `${fact} is ${value}; it must be a whole number of at least ${least}`);
  if (latency % strideSize !== 0)
    throw specError(
      modelName,
      `latency is ${latency} samples; it must be a whole number of strides of ${strideSize}`,
    );
  const { shape } = spec.input;
  const rows = shape.length < 2 ? 1 : shape.at(-2);
  if (shape.at(-1) !== strideSize * batchSize || rows !== channels.length)
    throw specError(
      modelName,
      `its input "${input.name}" is [${input.shape.join(", ")}], which does not fit ${channels.length} channels ` +
        `(${channels.join(", ")}) × ${batchSize} strides of ${strideSize} samples`,
    );
}

function specError(
  modelName: string,
  message: string,
  details: Record<string, unknown> = {},
): StrainflowError {
  return new StrainflowError("streaming-spec", `model "${modelName}" cannot be streamed to: ${message}`, {
    details: { modelName, ...details },
  });
}

function whole(modelName: string, key: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text.trim()))
    throw specError(modelName, `its parameter strainflow.${key} is "${text}"; it must be a whole number`);
  return Number(text);
}

function positive(size: number | undefined): number | undefined {
  return size === undefined || size < 1 ? undefined : size;
}

function sum(...terms: readonly (number | undefined)[]): number | undefined {
  let total = 0;
  for (const term of terms) {
    if (term === undefined) return undefined;
    total += term;
  }
  return total;
}

function onlyName(inputs: readonly TensorSpec[]): string | undefined {
  return inputs.length === 1 ? inputs[0]?.name : undefined;
}

function names(inputs: readonly TensorSpec[]): string {
  return inputs.map(({ name }) => name).join(", ");
}
