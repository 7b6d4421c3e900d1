import type { ModelConfig } from "@strainflow/proto";
import { StrainflowError, type StreamingSpec, type StreamPart, type TensorSpec } from "@strainflow/series";
import { type Averaging, deriveAveraging } from "./derive-averaging.ts";
import { type DerivedStream, deriveStreams } from "./derive-streams.ts";
import { type Configs, strainflowParameters } from "./step-configs.ts";

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
  const streams = chosenStreams(deriveStreams(config, configs), overrides.input ?? own.get("stream_input"));
  const derived = commonStream(config.name, streams);
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
  const averaging = deriveAveraging(config, configs);
  const strided = derived === undefined && takesStrides(input, averaging);
  const lastSize = positive(input.shape.at(-1));
  const requestSize =
    strided && lastSize !== undefined ? lastSize * averaging.batchSize! : (lastSize ?? derived?.requestSize);

  let strideSize = overrides.strideSize ?? whole(config.name, "stride_size", said("stride_size"));
  let batchSize =
    overrides.batchSize ??
    whole(config.name, "batch_size", said("batch_size")) ??
    derived?.batchSize ??
    averaging.batchSize;
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

  const strides = (count: number | undefined): number | undefined =>
    strideSize === undefined || count === undefined ? undefined : count * strideSize;
  const updateSize =
    overrides.updateSize ?? whole(config.name, "update_size", own.get("update_size")) ?? averaging.updateSize;
  // Only the model's own words: a step's would leave out the steps after it.
  const latency =
    overrides.latency ?? whole(config.name, "latency", own.get("latency")) ?? strides(averaging.lag);
  // Where only outputs have states, a stride is scored by itself.
  const snapshotSize = derived === undefined && averaging.isPresent ? strideSize : derived?.snapshotSize;
  const memory =
    overrides.memory ??
    whole(config.name, "memory", own.get("memory")) ??
    sum(snapshotSize, strides(averaging.strides), strideSize === undefined ? undefined : -strideSize);

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
  const parts = streamParts(config.name, streams, inputs, channels, strideSize * batchSize);
  const shape = strided
    ? [batchSize, channels.length, strideSize]
    : (parts?.[0]?.input.shape ?? updateShape(input.shape, channels.length, strideSize * batchSize));
  const spec = {
    input: { ...input, shape },
    ...(parts === undefined ? {} : { parts }),
    ...(strided ? { layout: "strides" as const } : {}),
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

/** The streams of an input that was chosen, or all. */
function chosenStreams(
  streams: readonly DerivedStream[],
  input: string | undefined,
): readonly DerivedStream[] {
  return input === undefined ? streams : streams.filter((stream) => stream.input === input);
}

/** What the streams of all inputs have in common: they are pushed through together. */
function commonStream(modelName: string, streams: readonly DerivedStream[]): DerivedStream | undefined {
  const [first] = streams;
  if (first === undefined || streams.length === 1) return first;
  const snapshotSizes = streams.map((stream) => stream.snapshotSize);
  if (
    streams.some(
      ({ requestSize, batchSize }) => requestSize !== first.requestSize || batchSize !== first.batchSize,
    )
  )
    throw specError(
      modelName,
      `several of its inputs are streamed (${streams.map(({ input }) => input).join(", ")}), each in steps of its own; ` +
        "choose one by streaming.input",
    );
  return {
    ...first,
    snapshotSize: snapshotSizes.reduce((most, size) =>
      most === undefined || size === undefined ? undefined : Math.max(most, size),
    ),
    parameters: new Map(streams.flatMap(({ parameters }) => [...parameters]).reverse()),
  };
}

/** Which channels go to which of several inputs: in the order of both. */
function streamParts(
  modelName: string,
  streams: readonly DerivedStream[],
  inputs: readonly TensorSpec[],
  channels: readonly string[],
  requestSize: number,
): readonly StreamPart[] | undefined {
  if (streams.length < 2) return undefined;
  let at = 0;
  const parts = streams.flatMap(({ input: name, channelCount = 0 }) => {
    const input = inputs.find((each) => each.name === name);
    if (input === undefined) return [];
    const own = channels.slice(at, at + channelCount);
    at += channelCount;
    return [
      { input: { ...input, shape: updateShape(input.shape, channelCount, requestSize) }, channels: own },
    ];
  });
  if (at !== channels.length)
    throw specError(
      modelName,
      `several of its inputs are streamed (${streams.map(({ input }) => input).join(", ")}), with ` +
        `${streams.map(({ channelCount }) => channelCount).join(" + ")} channels, and ${channels.length} are named ` +
        `(${channels.join(", ")}); name all of them in this order, or choose one input by streaming.input`,
    );
  return parts;
}

/** Whether an input takes strides side by side `[B, C, S]`: where nothing before an average keeps a snapshot. */
function takesStrides({ shape }: TensorSpec, { isPresent, batchSize }: Averaging): boolean {
  const head = shape[0];
  return (
    isPresent &&
    shape.length === 3 &&
    batchSize !== undefined &&
    batchSize > 1 &&
    (head === batchSize || head === -1)
  );
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
  if (spec.parts !== undefined || spec.layout === "strides") return;
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
