import { elementCount, StrainflowError, type Tensor, type TensorSpec } from "@strainflow/series";
import type { ServedModel } from "@strainflow/triton";

/** A tensor of a model, without its batch. */
export interface PlainSpec extends TensorSpec {
  readonly optional: boolean;
}

/** What requests to a model are made of. */
export interface ModelTensors {
  readonly inputs: readonly PlainSpec[];
  readonly outputs: readonly PlainSpec[];
  /** Whether tensors have a batch dimension in front. */
  readonly batched: boolean;
}

/**
 * The model's tensors without their batch, and with the sizes that were given for open dimensions.
 *
 * @param shapes by input, without the batch
 * @throws `loadtest-input` for a shape that does not fit
 */
export function modelTensors(
  model: ServedModel,
  shapes: Readonly<Record<string, readonly number[]>>,
): ModelTensors {
  const { config, name } = model;
  const batched = config.maxBatchSize > 0;
  const plain = (spec: TensorSpec, optional: boolean): PlainSpec => ({
    ...spec,
    shape: batched ? spec.shape.slice(1) : spec.shape,
    optional,
  });
  const inputs = model.inputs.map((spec) => {
    const optional = config.input.find((each) => each.name === spec.name)?.optional ?? false;
    const own = plain(spec, optional);
    const shape = shapes[spec.name];
    if (shape === undefined) return own;
    const fits =
      shape.length === own.shape.length && own.shape.every((size, d) => size < 0 || size === shape[d]);
    if (!fits || shape.some((size) => !Number.isSafeInteger(size) || size < 0))
      throw inputError(
        `input ${spec.name} of model "${name}" is [${own.shape}]${batched ? " (without its batch)" : ""}; [${shape}] does not fit it`,
      );
    return { ...own, shape };
  });
  const unknown = Object.keys(shapes).find((each) => !model.inputs.some((spec) => spec.name === each));
  if (unknown !== undefined) throw noSuchTensor(name, "input", unknown, model.inputs);
  return { inputs, outputs: model.outputs.map((spec) => plain(spec, false)), batched };
}

export function noSuchTensor(
  model: string,
  kind: "input" | "output",
  name: string,
  specs: readonly { readonly name: string }[],
): StrainflowError {
  return inputError(
    `model "${model}" has no ${kind} ${name}; its ${kind}s are ${specs.map((each) => each.name).join(", ")}`,
  );
}

/** `loadtest-input`: data that cannot be sent. */
export function inputError(message: string, cause?: unknown): StrainflowError {
  return new StrainflowError("loadtest-input", message, cause === undefined ? {} : { cause });
}

/** A shape in which nothing is open. @throws `loadtest-input` */
export function settledShape({ name, shape }: PlainSpec): readonly number[] {
  if (shape.some((size) => size < 0))
    throw inputError(
      `input ${name} is [${shape}], with open sizes; say which, like --shape ${name}:${shape.map((size) => (size < 0 ? 16 : size)).join(",")}`,
    );
  return shape;
}

/** Rows (tensors without batch, all of one shape) as one tensor, with the batch in front if there is one. */
export function batchRows(rows: readonly Tensor[], batched: boolean): Tensor {
  const [first] = rows;
  if (first === undefined) throw inputError("a batch of nothing");
  if (!batched) return first;
  const odd = rows.find(({ shape }) => `${shape}` !== `${first.shape}`);
  if (odd !== undefined)
    throw inputError(
      `rows of [${first.shape}] and [${odd.shape}] cannot be in one batch; give them one shape, or a batch of 1`,
    );
  const shape = [rows.length, ...first.shape];
  const { datatype, data } = first;
  if (!ArrayBuffer.isView(data))
    return {
      datatype,
      shape,
      data: rows.flatMap((row) => (ArrayBuffer.isView(row.data) ? [] : [...row.data])),
    };
  const count = elementCount(first.shape);
  const whole = newLike(data, count * rows.length);
  const bytes = new Uint8Array(whole.buffer);
  rows.forEach((row, i) => {
    if (!ArrayBuffer.isView(row.data)) return;
    const { buffer, byteOffset, byteLength } = row.data;
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), i * byteLength);
  });
  return { datatype, shape, data: whole };
}

type Elements = Exclude<Tensor["data"], readonly Uint8Array[]>;

function newLike(data: Elements, count: number): Elements {
  if (data instanceof Uint8Array) return new Uint8Array(count);
  if (data instanceof Uint16Array) return new Uint16Array(count);
  if (data instanceof Uint32Array) return new Uint32Array(count);
  if (data instanceof BigUint64Array) return new BigUint64Array(count);
  if (data instanceof Int8Array) return new Int8Array(count);
  if (data instanceof Int16Array) return new Int16Array(count);
  if (data instanceof Int32Array) return new Int32Array(count);
  if (data instanceof BigInt64Array) return new BigInt64Array(count);
  return data instanceof Float32Array ? new Float32Array(count) : new Float64Array(count);
}
