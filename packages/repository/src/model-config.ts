import { create } from "@bufbuild/protobuf";
import {
  DataType,
  type ModelConfig,
  ModelConfigSchema,
  ModelInstanceGroup_Kind,
  type ModelSequenceBatching,
  ModelSequenceBatching_StateSchema,
  ModelSequenceBatchingSchema,
} from "@strainflow/proto";
import { type Datatype, invalidOption } from "@strainflow/series";

/** A tensor as a configuration declares it; −1 for any size. */
export interface TensorDeclaration {
  readonly name: string;
  readonly type: Datatype;
  readonly shape: readonly number[];
}

/** How a server runs a model of ours. */
export interface Placement {
  /**
   * Which of Triton's backends runs it. `onnx` (default): the onnxruntime backend, with implicit states. `python`: the
   * python backend, where `onnxruntime` and `numpy` of the server's Python do the same with the same numbers: for
   * servers without an onnxruntime backend. Such a model holds one sequence per instance, and the embedded server does
   * not run it.
   */
  readonly backend?: "onnx" | "python";
  /**
   * Copies of the model. Default 1. With `direct` scheduling each holds one sequence at a time: as many sequences as
   * are open at once, or the others wait for an END.
   */
  readonly instances?: number;
  /** `CPU` by default: `GPU` fails the load where there is none. `AUTO` leaves it to the server. */
  readonly kind?: "CPU" | "GPU" | "AUTO";
  /**
   * Threads inside one run, default 1: onnxruntime's own choice doubles the CPU of a server of small models.
   */
  readonly threads?: number;
  /**
   * With the python backend: onnxruntime's execution providers by its own names, the first one first. Default:
   * `CPUExecutionProvider`, on an instance of kind GPU `CUDAExecutionProvider`. One that the server's onnxruntime lacks
   * fails the load.
   */
  readonly executionProviders?: readonly string[];
  /**
   * With the python backend: the Python environment that runs it, as the server's machine sees it: a folder, or a
   * `.tar.gz` of conda-pack; `$$TRITON_MODEL_DIRECTORY` stands for the model's folder. Default: the server's own Python.
   */
  readonly environment?: string;
}

/** How a server keeps the sequences of a stateful model. */
export interface SequencePlacement extends Placement {
  /**
   * `direct` (default): a sequence owns its instance until END. `oldest`: sequences interleave on one instance, up to
   * {@link maxSequences}; not on the python backend, where an instance holds one.
   */
  readonly scheduling?: "direct" | "oldest";
  /** Sequences open at once on an instance with `oldest` scheduling. Default 16. */
  readonly maxSequences?: number;
  /**
   * A sequence idle for longer loses its slot and its state, µs. Default 10,000,000 (10 s): Triton's own 1 s is
   * shorter than an update of a slow stream.
   */
  readonly maxSequenceIdleMicroseconds?: number;
}

/**
 * Placement of the stateful models around a network: what `states` says, and where it does not say, as the network's: its
 * backend, its environment, its kind and as many instances, so that as many sequences run as there are networks.
 */
export function statesPlacement({
  backend,
  environment,
  instances,
  kind,
  states,
}: Placement & { readonly states?: SequencePlacement }): SequencePlacement {
  return {
    ...(backend === undefined ? {} : { backend }),
    ...(environment === undefined ? {} : { environment }),
    ...(instances === undefined ? {} : { instances }),
    ...(kind === undefined ? {} : { kind }),
    ...states,
  };
}

export const DATA_TYPES: Readonly<Record<Datatype, DataType>> = {
  BOOL: DataType.TYPE_BOOL,
  UINT8: DataType.TYPE_UINT8,
  UINT16: DataType.TYPE_UINT16,
  UINT32: DataType.TYPE_UINT32,
  UINT64: DataType.TYPE_UINT64,
  INT8: DataType.TYPE_INT8,
  INT16: DataType.TYPE_INT16,
  INT32: DataType.TYPE_INT32,
  INT64: DataType.TYPE_INT64,
  FP16: DataType.TYPE_FP16,
  FP32: DataType.TYPE_FP32,
  FP64: DataType.TYPE_FP64,
  BF16: DataType.TYPE_BF16,
  BYTES: DataType.TYPE_STRING,
};

const DATATYPES: ReadonlyMap<number, string> = new Map(
  Object.entries(DATA_TYPES).map(([datatype, type]) => [type, datatype]),
);

/** The name that requests give to a `data_type` of a configuration; a number that has none as it is. */
export function datatypeName(type: DataType): string {
  return DATATYPES.get(type) ?? String(type);
}

const KINDS: Readonly<Record<NonNullable<Placement["kind"]>, ModelInstanceGroup_Kind>> = {
  CPU: ModelInstanceGroup_Kind.CPU,
  GPU: ModelInstanceGroup_Kind.GPU,
  AUTO: ModelInstanceGroup_Kind.AUTO,
};

/** Parameters of a configuration, from a record of strings. */
export function parametersOf(
  values: Readonly<Record<string, string | number>>,
): Record<string, { stringValue: string }> {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, { stringValue: String(value) }]),
  );
}

/** What a model takes and gives, whatever runs it; shapes are whole, with the batch dimension (`max_batch_size` 0). */
export interface ModelTensors {
  readonly name: string;
  readonly inputs: readonly TensorDeclaration[];
  readonly outputs: readonly TensorDeclaration[];
  readonly parameters?: Readonly<Record<string, string | number>>;
}

/** Configuration of a model on any backend, which is yet to be named. */
export function modelConfig(
  { name, inputs, outputs, parameters = {} }: ModelTensors,
  { instances = 1, kind = "CPU", threads = 1 }: Placement,
): ModelConfig {
  positive(name, "instances", instances);
  positive(name, "threads", threads);
  const declare = ({ name: tensor, type, shape }: TensorDeclaration) => ({
    name: tensor,
    dataType: DATA_TYPES[type],
    dims: shape.map(BigInt),
  });
  return create(ModelConfigSchema, {
    name,
    input: inputs.map(declare),
    output: outputs.map(declare),
    instanceGroup: [{ count: instances, kind: KINDS[kind] }],
    parameters: parametersOf(parameters),
  });
}

/** Sequence batching of a model, yet without controls and states. @throws `invalid-option` */
export function sequenceBatching(
  name: string,
  { scheduling = "direct", maxSequences = 16, maxSequenceIdleMicroseconds = 10_000_000 }: SequencePlacement,
): ModelSequenceBatching {
  positive(name, "maxSequences", maxSequences);
  positive(name, "maxSequenceIdleMicroseconds", maxSequenceIdleMicroseconds);
  return create(ModelSequenceBatchingSchema, {
    maxSequenceIdleMicroseconds: BigInt(maxSequenceIdleMicroseconds),
    strategyChoice:
      scheduling === "direct"
        ? { case: "direct", value: {} }
        : { case: "oldest", value: { maxCandidateSequences: maxSequences } },
  });
}

/** A tensor that goes from an output to the next input of a sequence. */
export interface StateDeclaration extends TensorDeclaration {
  /** The input that takes it. Default: `input_` and its name. */
  readonly input?: string;
  /** The output that gives it. Default: `output_` and its name. */
  readonly output?: string;
}

/**
 * Gives a configuration implicit states, zero at every START, in the form that was seen to work on Triton 2.51 with its
 * onnxruntime backend.
 */
export function addStates(
  config: ModelConfig,
  states: readonly StateDeclaration[],
  placement: SequencePlacement,
): void {
  const batching = sequenceBatching(config.name, placement);
  batching.state = states.map(({ name, type, shape, input = `input_${name}`, output = `output_${name}` }) => {
    const dims = shape.map(BigInt);
    const dataType = DATA_TYPES[type];
    return create(ModelSequenceBatching_StateSchema, {
      inputName: input,
      outputName: output,
      dataType,
      dims,
      initialState: [{ name, dataType, dims, stateData: { case: "zeroData", value: true } }],
    });
  });
  config.schedulingChoice = { case: "sequenceBatching", value: batching };
}

/** A whole number ≥ 1, or an `invalid-option` error. */
export function positive(where: string, option: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 1)
    throw invalidOption(where, option, value, "a whole number ≥ 1");
  return value;
}
