import { type Datatype, isDatatype, type Tensor } from "@strainflow/series";
import { malformedResponse } from "../errors.ts";
import type { ParameterValue } from "../request.ts";
import { LENGTH_DELIMITED, VARINT, WireReader } from "../transport/wire.ts";
import { copyOf, sameBytes } from "./known-bytes.ts";
import { createParameterMemory } from "./parameter-memory.ts";
import { tensorData } from "./tensor-bytes.ts";
import { typedContents } from "./typed-contents.ts";

/*
 * ModelStreamInferResponse: 1 error_message, 2 infer_response.
 * ModelInferResponse: 1 model_name, 2 model_version, 3 id, 4 parameters, 5 outputs, 6 raw_output_contents.
 * InferOutputTensor: 1 name, 2 datatype, 3 shape, 4 parameters, 5 contents.
 */

/** What a message of the stream says. */
export interface DecodedResponse {
  /** Why there are no outputs; empty if there are. */
  readonly refusal: string;
  /** The request's id, empty where the server did not say. */
  readonly id: string;
  readonly modelName: string;
  readonly modelVersion: string;
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** The outputs do not fit what the message says of them (`malformed-response`); the stream itself is sound. */
  readonly error: Error | undefined;
}

/**
 * The outputs that a request wanted to have in shared memory, by its id: the response names them and holds nothing for
 * them, and they are left out.
 */
export type SharedOutputs = (id: string) => ReadonlySet<string> | undefined;

/** Reads the responses of one stream or model. */
export interface ResponseDecoder {
  /** A `ModelStreamInferResponse`. @throws `malformed-response` if it cannot be parsed */
  stream(message: Buffer, sharedOf?: SharedOutputs): DecodedResponse;
  /** A `ModelInferResponse`. @throws `malformed-response` if it cannot be parsed */
  unary(message: Buffer, sharedOf?: SharedOutputs): DecodedResponse;
}

/** Name, datatype and shape of an output, and the bytes that said so: they rarely change. */
interface KnownOutput {
  readonly source: Uint8Array;
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly hasContents: boolean;
}

/** The bytes of something short that rarely changes, and what they said. */
interface Remembered<T> {
  readonly source: Uint8Array;
  readonly value: T;
}

/**
 * Reads raw output contents as views of the message (see {@link tensorData}); the descriptions of outputs, which repeat
 * from response to response, are parsed once.
 */
export function createResponseDecoder(): ResponseDecoder {
  const reader = new WireReader();
  const known: KnownOutput[] = [];
  let refusal = "";
  let id = "";
  let outputCount = 0;
  let raw: Uint8Array[] = [];
  let lastName: Remembered<string> | undefined;
  let lastVersion: Remembered<string> | undefined;
  let modelName = "";
  let modelVersion = "";
  const parameters = createParameterMemory();

  function text(last: Remembered<string> | undefined, end: number): Remembered<string> {
    const start = reader.at;
    reader.at = end;
    if (last !== undefined && sameBytes(last.source, reader.bytes, start, end)) return last;
    return { source: copyOf(reader.bytes, start, end), value: reader.bytes.toString("utf8", start, end) };
  }

  function output(start: number, end: number): void {
    const last = known[outputCount];
    if (last === undefined || !sameBytes(last.source, reader.bytes, start, end))
      known[outputCount] = parseOutput(new WireReader().reset(reader.bytes, start, end));
    outputCount++;
  }

  function inferResponse(end: number): void {
    while (reader.at < end) {
      const tag = reader.varint();
      const field = tag >>> 3;
      if ((tag & 7) !== LENGTH_DELIMITED) reader.skip(tag & 7);
      else if (field === 1) {
        lastName = text(lastName, reader.delimitedEnd());
        modelName = lastName.value;
      } else if (field === 2) {
        lastVersion = text(lastVersion, reader.delimitedEnd());
        modelVersion = lastVersion.value;
      } else if (field === 4) {
        const to = reader.delimitedEnd();
        parameters.add(reader.bytes, reader.at, to);
        reader.at = to;
      } else if (field === 3) id = reader.string();
      else if (field === 5) {
        const to = reader.delimitedEnd();
        output(reader.at, to);
        reader.at = to;
      } else if (field === 6) {
        const to = reader.delimitedEnd();
        raw.push(reader.bytes.subarray(reader.at, to));
        reader.at = to;
      } else reader.skip(tag & 7);
    }
  }

  function streamResponse(end: number): void {
    while (reader.at < end) {
      const tag = reader.varint();
      if (tag === ((1 << 3) | LENGTH_DELIMITED)) refusal = reader.string();
      else if (tag === ((2 << 3) | LENGTH_DELIMITED)) {
        const to = reader.delimitedEnd();
        inferResponse(to);
        if (reader.at !== to) throw new RangeError("a field runs past the response that it is part of");
      } else reader.skip(tag & 7);
    }
  }

  function read(
    message: Buffer,
    body: (end: number) => void,
    sharedOf: SharedOutputs | undefined,
  ): DecodedResponse {
    refusal = "";
    id = "";
    outputCount = 0;
    modelName = "";
    modelVersion = "";
    raw = [];
    parameters.clear();
    reader.reset(message, 0, message.length);
    try {
      body(message.length);
    } catch (cause) {
      throw malformedResponse(
        `a response of ${message.length} bytes is not a message of Triton's: at byte ${reader.at}, ${cause instanceof Error ? cause.message : String(cause)}`,
        { size: message.length, at: reader.at },
      );
    }
    let outputs: Record<string, Tensor> = {};
    let error: Error | undefined;
    if (refusal === "") {
      try {
        outputs = tensors(known, outputCount, raw, sharedOf?.(id));
      } catch (problem) {
        if (!(problem instanceof Error)) throw problem;
        error = problem;
      }
    }
    // One literal, and no spreading: this is made for every response.
    return { refusal, id, modelName, modelVersion, parameters: parameters.settled(), outputs, error };
  }

  return {
    stream: (message, sharedOf) => read(message, streamResponse, sharedOf),
    unary: (message, sharedOf) => read(message, inferResponse, sharedOf),
  };
}

function tensors(
  known: readonly KnownOutput[],
  count: number,
  raw: readonly Uint8Array[],
  shared: ReadonlySet<string> | undefined,
): Record<string, Tensor> {
  const outputs: Record<string, Tensor> = {};
  for (let i = 0; i < count; i++) {
    const { name, datatype, shape, source, hasContents } = known[i]!;
    if (shared?.has(name)) continue;
    const bytes = raw[i];
    if (bytes === undefined && hasContents)
      outputs[name] = { datatype, shape, data: typedContents(name, datatype, shape, source) };
    else outputs[name] = { datatype, shape, data: tensorData(name, datatype, shape, bytes ?? NO_BYTES) };
  }
  if (raw.length > count)
    throw malformedResponse(`${raw.length} raw contents came for ${count} outputs`, { outputs: count });
  return outputs;
}

const NO_BYTES = new Uint8Array(0);

function parseOutput(reader: WireReader): KnownOutput {
  const { bytes, at: start, end } = reader;
  let name = "";
  let datatype = "";
  const shape: number[] = [];
  let hasContents = false;
  while (reader.at < end) {
    const tag = reader.varint();
    if (tag === ((1 << 3) | LENGTH_DELIMITED)) name = reader.string();
    else if (tag === ((2 << 3) | LENGTH_DELIMITED)) datatype = reader.string();
    else if (tag === ((3 << 3) | VARINT)) shape.push(reader.varint());
    else if (tag === ((3 << 3) | LENGTH_DELIMITED)) {
      const to = reader.delimitedEnd();
      while (reader.at < to) shape.push(reader.varint());
      if (reader.at !== to) throw new RangeError("a dimension runs past its field");
    } else {
      if (tag >>> 3 === 5) hasContents = true;
      reader.skip(tag & 7);
    }
  }
  if (!isDatatype(datatype)) throw new RangeError(`output "${name}" is of datatype "${datatype}"`);
  if (name === "__proto__") throw new RangeError("no output can have that name");
  if (shape.some((size) => size < 0)) throw new RangeError(`output "${name}" has a negative dimension`);
  return { source: copyOf(bytes, start, end), name, datatype, shape, hasContents };
}
