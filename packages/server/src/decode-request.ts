import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { isDatatype } from "./datatypes.ts";
import type { ModelRequest } from "./model.ts";
import type { RawTensor } from "./raw-tensor.ts";
import { invalid } from "./refusal.ts";
import { type ParameterValue, sequencePlace } from "./request-parameters.ts";
import { contentsBytes } from "./typed-contents.ts";

/** A `ModelInferRequest` off the wire. Raw contents are views into the message, and pin it. */
export interface WireRequest {
  readonly model: string;
  readonly version: string;
  readonly id: string;
  readonly parameters: ReadonlyMap<string, ParameterValue>;
  readonly inputs: readonly WireInput[];
  readonly outputs: readonly string[];
  readonly raw: readonly Uint8Array[];
}

interface WireInput {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  /** `InferTensorContents`, not yet decoded. */
  readonly contents: Uint8Array | undefined;
}

/** More tensors than any model has: a message that lists them is refused before they are looked at. */
const MAX_TENSORS = 4096;

/** More dimensions than any tensor has. */
const MAX_RANK = 64;

/**
 * Decodes by hand: of a message that is nearly all raw contents, only the small rest is looked at.
 *
 * @throws Refusal (INVALID_ARGUMENT) if the bytes are no such message
 */
export function decodeInferRequest(bytes: Uint8Array): WireRequest {
  try {
    return decode(bytes);
  } catch (error) {
    throw invalid(
      `the request is not a ModelInferRequest: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function decode(bytes: Uint8Array): WireRequest {
  const reader = new BinaryReader(bytes);
  let model = "";
  let version = "";
  let id = "";
  const parameters = new Map<string, ParameterValue>();
  const inputs: WireInput[] = [];
  const outputs: string[] = [];
  const raw: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (type !== WireType.LengthDelimited || field < 1 || field > 7) {
      reader.skip(type, field);
      continue;
    }
    if (inputs.length > MAX_TENSORS || outputs.length > MAX_TENSORS || raw.length > MAX_TENSORS)
      throw new RangeError(`it names more than ${MAX_TENSORS} tensors`);
    if (field === 1) model = reader.string();
    else if (field === 2) version = reader.string();
    else if (field === 3) id = reader.string();
    else if (field === 4) readParameter(reader.bytes(), parameters);
    else if (field === 5) inputs.push(readInput(reader.bytes()));
    else if (field === 6) outputs.push(readName(reader.bytes()));
    else raw.push(reader.bytes());
  }
  return { model, version, id, parameters, inputs, outputs, raw };
}

function readInput(bytes: Uint8Array): WireInput {
  const reader = new BinaryReader(bytes);
  let name = "";
  let datatype = "";
  let contents: Uint8Array | undefined;
  const shape: number[] = [];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 1 && type === WireType.LengthDelimited) name = reader.string();
    else if (field === 2 && type === WireType.LengthDelimited) datatype = reader.string();
    else if (field === 3 && type === WireType.LengthDelimited) {
      const end = reader.uint32() + reader.pos;
      if (end > reader.len) throw new RangeError("its shape is cut short");
      while (reader.pos < end && shape.length <= MAX_RANK) shape.push(Number(reader.int64()));
    } else if (field === 3 && type === WireType.Varint) shape.push(Number(reader.int64()));
    else if (field === 5 && type === WireType.LengthDelimited) contents = reader.bytes();
    else reader.skip(type, field);
    if (shape.length > MAX_RANK) throw new RangeError(`it has a tensor of more than ${MAX_RANK} dimensions`);
  }
  return { name, datatype, shape, contents };
}

function readName(bytes: Uint8Array): string {
  const reader = new BinaryReader(bytes);
  let name = "";
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 1 && type === WireType.LengthDelimited) name = reader.string();
    else reader.skip(type, field);
  }
  return name;
}

function readParameter(bytes: Uint8Array, into: Map<string, ParameterValue>): void {
  const entry = new BinaryReader(bytes);
  let key = "";
  let value: ParameterValue | undefined;
  while (entry.pos < entry.len) {
    const [field, type] = entry.tag();
    if (field === 1 && type === WireType.LengthDelimited) key = entry.string();
    else if (field === 2 && type === WireType.LengthDelimited) value = readValue(entry.bytes());
    else entry.skip(type, field);
  }
  if (value !== undefined) into.set(key, value);
}

function readValue(bytes: Uint8Array): ParameterValue | undefined {
  const reader = new BinaryReader(bytes);
  let value: ParameterValue | undefined;
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 1 && type === WireType.Varint) value = reader.bool();
    else if (field === 2 && type === WireType.Varint) value = BigInt(reader.int64());
    else if (field === 3 && type === WireType.LengthDelimited) value = reader.string();
    else if (field === 4 && type === WireType.Bit64) value = reader.double();
    else if (field === 5 && type === WireType.Varint) value = BigInt(reader.uint64());
    else reader.skip(type, field);
  }
  return value;
}

/** The request for its model, contents paired with inputs. @throws Refusal (INVALID_ARGUMENT) */
export function toModelRequest(request: WireRequest): ModelRequest {
  const { model, raw } = request;
  const inputs = new Map<string, RawTensor>();
  let at = 0;
  for (const { name, datatype, shape, contents } of request.inputs) {
    if (!isDatatype(datatype))
      throw invalid(`inference input '${name}' has unknown data-type '${datatype}' for model '${model}'`);
    if (inputs.has(name)) throw invalid(`input '${name}' already exists in request for model '${model}'`);
    const given = contents !== undefined && contents.byteLength > 0 ? contents : undefined;
    if (given !== undefined && raw.length > 0)
      throw invalid(
        `contents field must not be specified when using raw_input_contents for '${name}' for model '${model}'`,
      );
    if (given !== undefined) {
      inputs.set(name, { datatype, shape, data: contentsBytes(given, datatype, name, model), movable: true });
      continue;
    }
    const data = raw[at++];
    if (data === undefined && raw.length > 0)
      throw invalid(
        `expected ${request.inputs.length} inputs' raw contents but got ${raw.length} for model '${model}'`,
      );
    inputs.set(name, { datatype, shape, data: data ?? new Uint8Array(0), movable: false });
  }
  if (at < raw.length)
    throw invalid(`expected ${at} inputs' raw contents but got ${raw.length} for model '${model}'`);
  const sequence = sequencePlace(request.parameters);
  return {
    id: request.id,
    inputs,
    outputs: request.outputs,
    ...(sequence === undefined ? {} : { sequence }),
  };
}
