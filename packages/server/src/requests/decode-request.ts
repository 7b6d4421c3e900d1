import { Refusal } from "../refusal.ts";
import type { ParameterValue } from "./request-parameters.ts";
import { WIRE, WireReader } from "./wire-reader.ts";

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

/** A tag whose field is a text, bytes or a message. */
const delimited = (field: number): number => (field << 3) | WIRE.delimited;
const varint = (field: number): number => (field << 3) | WIRE.varint;

function decode(bytes: Uint8Array): WireRequest {
  const reader = new WireReader(bytes);
  let model = "";
  let version = "";
  let id = "";
  const parameters = new Map<string, ParameterValue>();
  const inputs: WireInput[] = [];
  const outputs: WireOutput[] = [];
  const raw: Uint8Array[] = [];
  for (let fields = 0; reader.pos < reader.end; fields++) {
    const tag = reader.tag();
    checkFields(fields);
    if (inputs.length > MAX_TENSORS || outputs.length > MAX_TENSORS || raw.length > MAX_TENSORS)
      throw new RangeError(`it names more than ${MAX_TENSORS} tensors`);
    if (tag === delimited(1)) model = reader.string();
    else if (tag === delimited(2)) version = reader.string();
    else if (tag === delimited(3)) id = reader.string();
    else if (tag === delimited(4)) readParameter(reader, parameters);
    else if (tag === delimited(5)) inputs.push(readInput(reader));
    else if (tag === delimited(6)) outputs.push(readOutput(reader));
    else if (tag === delimited(7)) raw.push(reader.bytes());
    else reader.skip(tag);
  }
  return { model, version, id, parameters, inputs, outputs, raw };
}

function checkFields(count: number): void {
  if (count > MAX_FIELDS) throw new RangeError(`it has more than ${MAX_FIELDS} fields`);
}

function readInput(reader: WireReader): WireInput {
  const outer = reader.enter();
  let name = "";
  let datatype = "";
  let contents: Uint8Array | undefined;
  const shape: number[] = [];
  let parameters: Map<string, ParameterValue> | undefined;
  for (let fields = 0; reader.pos < reader.end; fields++) {
    const tag = reader.tag();
    checkFields(fields);
    if (tag === delimited(1)) name = reader.string();
    else if (tag === delimited(2)) datatype = reader.string();
    else if (tag === delimited(3)) {
      const tensor = reader.enter();
      while (reader.pos < reader.end && shape.length <= MAX_RANK) shape.push(reader.int64AsNumber());
      reader.leave(tensor);
    } else if (tag === varint(3)) shape.push(reader.int64AsNumber());
    else if (tag === delimited(4)) {
      parameters ??= new Map();
      readParameter(reader, parameters);
    } else if (tag === delimited(5)) contents = reader.bytes();
    else reader.skip(tag);
    if (shape.length > MAX_RANK) throw new RangeError(`it has a tensor of more than ${MAX_RANK} dimensions`);
  }
  reader.leave(outer);
  return { name, datatype, shape, contents, parameters: parameters ?? NO_PARAMETERS };
}

function readOutput(reader: WireReader): WireOutput {
  const outer = reader.enter();
  let name = "";
  let parameters: Map<string, ParameterValue> | undefined;
  for (let fields = 0; reader.pos < reader.end; fields++) {
    const tag = reader.tag();
    checkFields(fields);
    if (tag === delimited(1)) name = reader.string();
    else if (tag === delimited(2)) {
      parameters ??= new Map();
      readParameter(reader, parameters);
    } else reader.skip(tag);
  }
  reader.leave(outer);
  return { name, parameters: parameters ?? NO_PARAMETERS };
}

function readParameter(reader: WireReader, into: Map<string, ParameterValue>): void {
  const outer = reader.enter();
  let key = "";
  let value: ParameterValue | undefined;
  while (reader.pos < reader.end) {
    const tag = reader.tag();
    if (tag === delimited(1)) key = reader.string();
    else if (tag === delimited(2)) value = readValue(reader);
    else reader.skip(tag);
  }
  reader.leave(outer);
  if (value !== undefined) into.set(key, value);
  if (into.size > MAX_PARAMETERS) throw new RangeError(`it has more than ${MAX_PARAMETERS} parameters`);
}

function readValue(reader: WireReader): ParameterValue | undefined {
  const outer = reader.enter();
  let value: ParameterValue | undefined;
  while (reader.pos < reader.end) {
    const tag = reader.tag();
    if (tag === varint(1)) value = reader.bool();
    else if (tag === varint(2)) value = reader.int64();
    else if (tag === delimited(3)) value = reader.string();
    else if (tag === ((4 << 3) | WIRE.bit64)) value = reader.double();
    else if (tag === varint(5)) value = reader.uint64();
    else reader.skip(tag);
  }
  reader.leave(outer);
  return value;
}
