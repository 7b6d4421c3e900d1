import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { Refusal } from "../refusal.ts";
import type { ParameterValue } from "./request-parameters.ts";

type Parameters = ReadonlyMap<string, ParameterValue>;

/** A `ModelInferRequest` off the wire. Raw contents are views into the message, and pin it. */
export interface WireRequest {
  readonly model: string;
  readonly version: string;
  readonly id: string;
  readonly parameters: Parameters;
  readonly inputs: readonly WireInput[];
  readonly outputs: readonly WireOutput[];
  readonly raw: readonly Uint8Array[];
}

export interface WireInput {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly parameters: Parameters;
  /** `InferTensorContents`, not yet decoded. */
  readonly contents: Uint8Array | undefined;
}

export interface WireOutput {
  readonly name: string;
  readonly parameters: Parameters;
}

/** Most tensors have none, and share these. */
const NO_PARAMETERS: Parameters = new Map();

/** More tensors than any model has: a message that lists them is refused before they are looked at. */
const MAX_TENSORS = 4096;

/** More parameters than any request has, and more fields of any kind. */
const MAX_PARAMETERS = 4096;
const MAX_FIELDS = 65_536;

/** More dimensions than any tensor has. */
const MAX_RANK = 64;

/**
 * Decodes by hand: of a message that is nearly all raw contents, only the small rest is looked at.
 *
 * @throws Refusal if the bytes are no such message, or a text in it no UTF-8; INTERNAL, as gRPC's libraries have it
 */
export function decodeInferRequest(bytes: Uint8Array): WireRequest {
  try {
    return decode(bytes);
  } catch (error) {
    throw new Refusal(
      "INTERNAL",
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
  const outputs: WireOutput[] = [];
  const raw: Uint8Array[] = [];
  for (let fields = 0; reader.pos < reader.len; fields++) {
    const [field, type] = reader.tag();
    if (fields > MAX_FIELDS) throw new RangeError(`it has more than ${MAX_FIELDS} fields`);
    if (type !== WireType.LengthDelimited || field < 1 || field > 7) {
      reader.skip(type, field);
      continue;
    }
    if (inputs.length > MAX_TENSORS || outputs.length > MAX_TENSORS || raw.length > MAX_TENSORS)
      throw new RangeError(`it names more than ${MAX_TENSORS} tensors`);
    if (field === 1) model = reader.string(true);
    else if (field === 2) version = reader.string(true);
    else if (field === 3) id = reader.string(true);
    else if (field === 4) readParameter(reader.bytes(), parameters);
    else if (field === 5) inputs.push(readInput(reader.bytes()));
    else if (field === 6) outputs.push(readOutput(reader.bytes()));
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
  let parameters: Map<string, ParameterValue> | undefined;
  for (let fields = 0; reader.pos < reader.len; fields++) {
    const [field, type] = reader.tag();
    if (fields > MAX_FIELDS) throw new RangeError(`it has more than ${MAX_FIELDS} fields`);
    if (field === 1 && type === WireType.LengthDelimited) name = reader.string(true);
    else if (field === 2 && type === WireType.LengthDelimited) datatype = reader.string(true);
    else if (field === 3 && type === WireType.LengthDelimited) {
      const end = reader.uint32() + reader.pos;
      if (end > reader.len) throw new RangeError("its shape is cut short");
      while (reader.pos < end && shape.length <= MAX_RANK) shape.push(Number(reader.int64()));
    } else if (field === 3 && type === WireType.Varint) shape.push(Number(reader.int64()));
    else if (field === 4 && type === WireType.LengthDelimited) {
      parameters ??= new Map();
      readParameter(reader.bytes(), parameters);
    } else if (field === 5 && type === WireType.LengthDelimited) contents = reader.bytes();
    else reader.skip(type, field);
    if (shape.length > MAX_RANK) throw new RangeError(`it has a tensor of more than ${MAX_RANK} dimensions`);
  }
  return { name, datatype, shape, contents, parameters: parameters ?? NO_PARAMETERS };
}

function readOutput(bytes: Uint8Array): WireOutput {
  const reader = new BinaryReader(bytes);
  let name = "";
  let parameters: Map<string, ParameterValue> | undefined;
  for (let fields = 0; reader.pos < reader.len; fields++) {
    const [field, type] = reader.tag();
    if (fields > MAX_FIELDS) throw new RangeError(`it has more than ${MAX_FIELDS} fields`);
    if (field === 1 && type === WireType.LengthDelimited) name = reader.string(true);
    else if (field === 2 && type === WireType.LengthDelimited) {
      parameters ??= new Map();
      readParameter(reader.bytes(), parameters);
    } else reader.skip(type, field);
  }
  return { name, parameters: parameters ?? NO_PARAMETERS };
}

function readParameter(bytes: Uint8Array, into: Map<string, ParameterValue>): void {
  const entry = new BinaryReader(bytes);
  let key = "";
  let value: ParameterValue | undefined;
  while (entry.pos < entry.len) {
    const [field, type] = entry.tag();
    if (field === 1 && type === WireType.LengthDelimited) key = entry.string(true);
    else if (field === 2 && type === WireType.LengthDelimited) value = readValue(entry.bytes());
    else entry.skip(type, field);
  }
  if (value !== undefined) into.set(key, value);
  if (into.size > MAX_PARAMETERS) throw new RangeError(`it has more than ${MAX_PARAMETERS} parameters`);
}

function readValue(bytes: Uint8Array): ParameterValue | undefined {
  const reader = new BinaryReader(bytes);
  let value: ParameterValue | undefined;
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 1 && type === WireType.Varint) value = reader.bool();
    else if (field === 2 && type === WireType.Varint) value = BigInt(reader.int64());
    else if (field === 3 && type === WireType.LengthDelimited) value = reader.string(true);
    else if (field === 4 && type === WireType.Bit64) value = reader.double();
    else if (field === 5 && type === WireType.Varint) value = BigInt(reader.uint64());
    else reader.skip(type, field);
  }
  return value;
}
