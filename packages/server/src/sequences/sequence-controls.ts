import {
  DataType,
  ModelSequenceBatching_Control_Kind as Kind,
  type ModelConfig,
  type ModelSequenceBatching_Control,
} from "@strainflow/proto";
import { joinByteStrings } from "@strainflow/series";
import type { MovedTensor } from "../backends/worker-messages.ts";
import { notLoadable } from "../models/model-spec.ts";
import { invalid } from "../refusal.ts";
import type { SequencePlace } from "../scheduling/scheduler.ts";

/** The inputs that a sequence batcher adds to a request. */
export interface ControlInputs {
  readonly names: readonly string[];
  /** @throws Refusal if the sequence's id does not fit the model's CORRID input */
  check(place: SequencePlace): void;
  tensors(place: SequencePlace): readonly MovedTensor[];
  /** Of a row of a batch that is nobody's: it is not ready. */
  idle(): readonly MovedTensor[];
}

interface Row extends SequencePlace {
  readonly ready: boolean;
}

const IDLE: Row = { id: 0n, start: false, end: false, ready: false };

type Fill = (row: Row) => Omit<MovedTensor, "name" | "shape">;

/** @throws `model-not-loadable` for a control that is not one */
export function controlInputs(config: ModelConfig): ControlInputs {
  const scheduling = config.schedulingChoice;
  if (scheduling.case !== "sequenceBatching")
    return { names: [], check: () => {}, tensors: () => [], idle: () => [] };
  // With a batch dimension a control is [1, 1], else [1].
  const shape = config.maxBatchSize > 0 ? [1, 1] : [1];
  const fills: { readonly name: string; readonly fill: Fill }[] = [];
  let corrid: DataType | undefined;
  for (const { name, control } of scheduling.value.controlInput) {
    const [only] = control;
    if (only === undefined || control.length > 1)
      throw notLoadable(config.name, `control_input '${name}' must have exactly one control`);
    if (only.kind === Kind.CONTROL_SEQUENCE_CORRID) corrid = only.dataType;
    fills.push({ name, fill: fillOf(config.name, name, only) });
  }
  return {
    names: fills.map(({ name }) => name),
    check: ({ id }) => {
      if (
        corrid !== undefined &&
        corrid !== DataType.TYPE_STRING &&
        (typeof id === "string" || BigInt.asIntN(width(corrid), id) !== signed(corrid, id))
      )
        throw invalid(
          `inference request to model '${config.name}' has correlation ID '${id}', which its CORRID input cannot take`,
        );
    },
    tensors: (place) => fills.map(({ name, fill }) => ({ name, shape, ...fill({ ...place, ready: true }) })),
    idle: () => fills.map(({ name, fill }) => ({ name, shape, ...fill(IDLE) })),
  };
}

function width(type: DataType): number {
  return type === DataType.TYPE_INT32 || type === DataType.TYPE_UINT32 ? 32 : 64;
}

/** The id as a number of the type's width with its sign, if it fits. */
function signed(type: DataType, id: bigint): bigint | undefined {
  const unsigned = type === DataType.TYPE_UINT32 || type === DataType.TYPE_UINT64;
  if (!unsigned) return id;
  return BigInt.asUintN(width(type), id) === id ? BigInt.asIntN(width(type), id) : undefined;
}

function fillOf(model: string, name: string, control: ModelSequenceBatching_Control): Fill {
  switch (control.kind) {
    case Kind.CONTROL_SEQUENCE_START:
      return flag(model, name, control, ({ start }) => start);
    case Kind.CONTROL_SEQUENCE_END:
      return flag(model, name, control, ({ end }) => end);
    case Kind.CONTROL_SEQUENCE_READY:
      return flag(model, name, control, ({ ready }) => ready);
    case Kind.CONTROL_SEQUENCE_CORRID:
      return correlation(model, name, control.dataType);
  }
}

function flag(
  model: string,
  name: string,
  control: ModelSequenceBatching_Control,
  value: (row: Row) => boolean,
): Fill {
  const { int32FalseTrue, fp32FalseTrue, boolFalseTrue } = control;
  const pick = <T>(pair: readonly T[], row: Row): T | undefined => pair[value(row) ? 1 : 0];
  if (int32FalseTrue.length === 2)
    return (row) => ({ datatype: "INT32", buffer: Int32Array.of(pick(int32FalseTrue, row) ?? 0).buffer });
  if (fp32FalseTrue.length === 2)
    return (row) => ({ datatype: "FP32", buffer: Float32Array.of(pick(fp32FalseTrue, row) ?? 0).buffer });
  if (boolFalseTrue.length === 2)
    return (row) => ({
      datatype: "BOOL",
      buffer: Uint8Array.of(pick(boolFalseTrue, row) ? 1 : 0).buffer,
    });
  throw notLoadable(model, `control '${name}' needs two values, for false and true, of int32, fp32 or bool`);
}

function correlation(model: string, name: string, type: DataType): Fill {
  const number = (id: bigint | string): bigint => (typeof id === "bigint" ? id : 0n);
  switch (type) {
    case DataType.TYPE_UINT64:
      return ({ id }) => ({ datatype: "UINT64", buffer: BigUint64Array.of(number(id)).buffer });
    case DataType.TYPE_INT64:
      return ({ id }) => ({ datatype: "INT64", buffer: BigInt64Array.of(number(id)).buffer });
    case DataType.TYPE_UINT32:
      return ({ id }) => ({ datatype: "UINT32", buffer: Uint32Array.of(Number(number(id))).buffer });
    case DataType.TYPE_INT32:
      return ({ id }) => ({ datatype: "INT32", buffer: Int32Array.of(Number(number(id))).buffer });
    case DataType.TYPE_STRING:
      return ({ id, ready }) => ({
        datatype: "BYTES",
        buffer: joinByteStrings([Buffer.from(ready ? String(id) : "")]).buffer,
      });
    default:
      throw notLoadable(model, `control '${name}' (CORRID) must be UINT64, INT64, UINT32, INT32 or STRING`);
  }
}
