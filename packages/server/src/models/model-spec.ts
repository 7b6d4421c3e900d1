import { DataType, type ModelConfig } from "@strainflow/proto";
import { type Datatype, StrainflowError, type TensorSpec } from "@strainflow/series";
import type { Labels } from "../tensors/classify.ts";

/** A tensor of a model as its configuration names it. */
export interface Port {
  readonly name: string;
  readonly datatype: Datatype;
  /** With the batch dimension (−1) in front where the model has one. */
  readonly shape: readonly number[];
  readonly optional: boolean;
}

/** What the server needs to know of one version of a model. */
export interface ModelSpec {
  readonly name: string;
  readonly version: string;
  readonly config: ModelConfig;
  /** 0: requests have no batch dimension. */
  readonly maxBatchSize: number;
  readonly inputs: ReadonlyMap<string, Port>;
  readonly outputs: ReadonlyMap<string, Port>;
  /** Names of outputs' classes. */
  readonly labels?: Labels;
}

const OF_CONFIG: ReadonlyMap<DataType, Datatype> = new Map<DataType, Datatype>([
  [DataType.TYPE_BOOL, "BOOL"],
  [DataType.TYPE_UINT8, "UINT8"],
  [DataType.TYPE_UINT16, "UINT16"],
  [DataType.TYPE_UINT32, "UINT32"],
  [DataType.TYPE_UINT64, "UINT64"],
  [DataType.TYPE_INT8, "INT8"],
  [DataType.TYPE_INT16, "INT16"],
  [DataType.TYPE_INT32, "INT32"],
  [DataType.TYPE_INT64, "INT64"],
  [DataType.TYPE_FP16, "FP16"],
  [DataType.TYPE_FP32, "FP32"],
  [DataType.TYPE_FP64, "FP64"],
  [DataType.TYPE_STRING, "BYTES"],
  [DataType.TYPE_BF16, "BF16"],
]);

const TO_CONFIG: ReadonlyMap<Datatype, DataType> = new Map(
  [...OF_CONFIG].map(([type, name]) => [name, type]),
);

/** A model that cannot be served, and why. */
export function notLoadable(name: string, why: string, cause?: unknown): StrainflowError {
  return new StrainflowError("model-not-loadable", `model '${name}' cannot be loaded: ${why}`, {
    cause,
    details: { modelName: name },
  });
}

/** The wire's name of a configuration's element type. @throws `model-not-loadable` */
export function datatypeOf(model: string, what: string, type: DataType): Datatype {
  const datatype = OF_CONFIG.get(type);
  if (datatype === undefined) throw notLoadable(model, `${what} has no data_type`);
  return datatype;
}

/** A configuration's element type for the wire's name. */
export function configType(datatype: Datatype): DataType {
  return TO_CONFIG.get(datatype) ?? DataType.TYPE_INVALID;
}

export function modelSpec(config: ModelConfig, version: string): ModelSpec {
  const port = (
    what: string,
    tensor: { name: string; dataType: DataType; dims: bigint[]; reshape?: unknown; optional?: boolean },
  ): [string, Port] => {
    const where = `${what} '${tensor.name}'`;
    if (tensor.reshape !== undefined)
      throw notLoadable(config.name, `${where} asks for a reshape, which the embedded server does not have`);
    const datatype = datatypeOf(config.name, where, tensor.dataType);
    const dims = tensor.dims.map(Number);
    if (dims.some((size) => size === 0 || size < -1))
      throw notLoadable(
        config.name,
        `${where} has dims [${dims}]; each must be positive, or -1 for any size`,
      );
    const shape = config.maxBatchSize > 0 ? [-1, ...dims] : dims;
    return [tensor.name, { name: tensor.name, datatype, shape, optional: tensor.optional ?? false }];
  };
  return {
    name: config.name,
    version,
    config,
    maxBatchSize: Math.max(0, config.maxBatchSize),
    inputs: new Map(config.input.map((input) => port("input", input))),
    outputs: new Map(config.output.map((output) => port("output", output))),
  };
}

export function tensorSpecs(ports: ReadonlyMap<string, Port>): TensorSpec[] {
  return [...ports.values()].map(({ name, datatype, shape }) => ({ name, datatype, shape }));
}
