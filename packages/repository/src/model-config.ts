import { create } from "@bufbuild/protobuf";
import {
  DataType,
  type ModelConfig,
  ModelConfigSchema,
  ModelInstanceGroup_Kind,
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
}

/** How a server keeps the sequences of a stateful model. */
export interface SequencePlacement extends Placement {
  /**
   * `direct` (default): a sequence owns its instance until END. `oldest`: sequences interleave on one instance, up to
   * {@link maxSequences}.
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

const DATA_TYPES: Readonly<Record<Datatype, DataType>> = {
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

/** Configuration of an ONNX model; shapes are whole, with the batch dimension (`max_batch_size` 0). */
export function onnxConfig(
  name: string,
  inputs: readonly TensorDeclaration[],
  outputs: readonly TensorDeclaration[],
  placement: Placement,
  parameters: Readonly<Record<string, string | number>> = {},
): ModelConfig {
  const { instances = 1, kind = "CPU", threads = 1 } = placement;
  positive(name, "instances", instances);
  positive(name, "threads", threads);
  const declare = ({ name: tensor, type, shape }: TensorDeclaration) => ({
    name: tensor,
    dataType: DATA_TYPES[type],
    dims: shape.map(BigInt),
  });
  return create(ModelConfigSchema, {
    name,
    platform: "onnxruntime_onnx",
    input: inputs.map(declare),
    output: outputs.map(declare),
    instanceGroup: [{ count: instances, kind: KINDS[kind] }],
    parameters: parametersOf({ ...parameters, intra_op_thread_count: threads }),
  });
}

/**
 * Gives a configuration sequence batching with one implicit state, `input_<name>` → `output_<name>`, that is zero at
 * every START. This is the form that was seen to work on Triton 2.51 with its onnxruntime backend.
 */
export function addImplicitState(
  config: ModelConfig,
  state: TensorDeclaration,
  placement: SequencePlacement,
): ModelConfig {
  const { scheduling = "direct", maxSequences = 16, maxSequenceIdleMicroseconds = 10_000_000 } = placement;
  positive(config.name, "maxSequences", maxSequences);
  positive(config.name, "maxSequenceIdleMicroseconds", maxSequenceIdleMicroseconds);
  const dims = state.shape.map(BigInt);
  const dataType = DATA_TYPES[state.type];
  config.schedulingChoice = {
    case: "sequenceBatching",
    value: create(ModelSequenceBatchingSchema, {
      maxSequenceIdleMicroseconds: BigInt(maxSequenceIdleMicroseconds),
      state: [
        {
          inputName: `input_${state.name}`,
          outputName: `output_${state.name}`,
          dataType,
          dims,
          initialState: [{ name: state.name, dataType, dims, stateData: { case: "zeroData", value: true } }],
        },
      ],
      strategyChoice:
        scheduling === "direct"
          ? { case: "direct", value: {} }
          : { case: "oldest", value: { maxCandidateSequences: maxSequences } },
    }),
  };
  return config;
}

/** A whole number ≥ 1, or an `invalid-option` error. */
export function positive(where: string, option: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 1)
    throw invalidOption(where, option, value, "a whole number ≥ 1");
  return value;
}
