import type { Datatype, InferRequest, SequenceControl, Tensor } from "@strainflow/series";
import { invalidRequest } from "./errors.ts";
import { type FramedMessage, PREFIX_SIZE, writePrefix } from "./grpc-frames.ts";
import { tensorBytes } from "./tensor-bytes.ts";
import { delimited, LENGTH_DELIMITED, stringField, varint64, varintSize, writeVarint } from "./wire.ts";

/*
 * ModelInferRequest: 1 model_name, 2 model_version, 3 id, 4 parameters, 5 inputs, 6 outputs, 7 raw_input_contents.
 * InferInputTensor: 1 name, 2 datatype, 3 shape (packed int64). InferRequestedOutputTensor: 1 name.
 * InferParameter: 1 bool_param, 2 int64_param, 3 string_param.
 */
const ID_TAG = (3 << 3) | LENGTH_DELIMITED;
const RAW_TAG = (7 << 3) | LENGTH_DELIMITED;

/** From this size on, a tensor is sent from where it lies: another write costs less than the copy. */
const BY_REFERENCE_SIZE = 16 * 1024;

/** Writes the requests of one model. */
export interface RequestEncoder {
  /**
   * The bytes of a `ModelInferRequest`, tensors as raw contents, with gRPC's prefix in front; in parts, where large
   * tensors are views of the memory that was given: it must not change until the request is answered.
   *
   * All that does not change from one request to the next (names, datatypes, shapes, sequence parameters) is encoded
   * once and copied.
   *
   * @throws `invalid-request` if a tensor's array, datatype and shape do not go together, or the sequence id is none
   */
  encode(request: InferRequest): FramedMessage;
}

/** @param modelVersion empty: the server chooses */
export function createRequestEncoder(modelName: string, modelVersion: string): RequestEncoder {
  const model = Buffer.concat([stringField(1, modelName), stringField(2, modelVersion)]);
  const parameters = createParameterCache();
  const tensors = createTensorCache();
  return {
    encode({ id, inputs, sequence, outputs }) {
      const names = Object.keys(inputs);
      const raw: Uint8Array[] = [];
      let copiedSize = 0;
      let referredSize = 0;
      for (const name of names) {
        const bytes = tensorBytes(name, inputs[name]!);
        raw.push(bytes);
        copiedSize += 1 + varintSize(bytes.length);
        if (bytes.length < BY_REFERENCE_SIZE) copiedSize += bytes.length;
        else referredSize += bytes.length;
      }
      const idSize = Buffer.byteLength(id, "utf8");
      if (idSize > 0) copiedSize += 1 + varintSize(idSize) + idSize;
      const control = parameters(sequence);
      const header = tensors(names, inputs, outputs);
      copiedSize += model.length + control.length + header.length;

      const target = Buffer.allocUnsafe(PREFIX_SIZE + copiedSize);
      writePrefix(target, copiedSize + referredSize);
      let at = PREFIX_SIZE;
      target.set(model, at);
      at += model.length;
      if (idSize > 0) {
        target[at++] = ID_TAG;
        at = writeVarint(target, at, idSize);
        at += target.write(id, at, "utf8");
      }
      target.set(control, at);
      at += control.length;
      target.set(header, at);
      at += header.length;
      if (referredSize === 0) {
        for (const bytes of raw) {
          at = writeRawHead(target, at, bytes.length);
          target.set(bytes, at);
          at += bytes.length;
        }
        return [target];
      }
      const parts: Uint8Array[] = [];
      let from = 0;
      for (const bytes of raw) {
        at = writeRawHead(target, at, bytes.length);
        if (bytes.length < BY_REFERENCE_SIZE) {
          target.set(bytes, at);
          at += bytes.length;
        } else {
          parts.push(target.subarray(from, at), bytes);
          from = at;
        }
      }
      if (from < at) parts.push(target.subarray(from, at));
      return parts;
    },
  };
}

function writeRawHead(target: Uint8Array, at: number, size: number): number {
  target[at] = RAW_TAG;
  return writeVarint(target, at + 1, size);
}

const EMPTY = Buffer.alloc(0);

/** The sequence parameters of the last sequence: at most four variants of START and END. */
function createParameterCache(): (sequence: SequenceControl | undefined) => Buffer {
  let cachedId: bigint | string | undefined;
  let variants: (Buffer | undefined)[] = [];
  return (sequence) => {
    if (sequence === undefined) return EMPTY;
    const { id, start, end } = sequence;
    if (id !== cachedId) {
      if (id === "" || id === 0n)
        throw invalidRequest('a sequence id of 0 or "" means none to Triton; give it another', {
          sequenceId: id,
        });
      cachedId = id;
      variants = [];
    }
    const variant = (start ? 1 : 0) | (end ? 2 : 0);
    const known = variants[variant];
    if (known !== undefined) return known;
    const idValue =
      typeof id === "bigint" ? Buffer.from([2 << 3, ...varint64(id)]) : delimited(3, Buffer.from(id, "utf8"));
    const made = Buffer.concat([
      parameter("sequence_id", idValue),
      parameter("sequence_start", Buffer.from([1 << 3, start ? 1 : 0])),
      parameter("sequence_end", Buffer.from([1 << 3, end ? 1 : 0])),
    ]);
    variants[variant] = made;
    return made;
  };
}

/** One entry of the `parameters` map. */
function parameter(key: string, value: Uint8Array): Buffer {
  return delimited(4, Buffer.concat([stringField(1, key), delimited(2, value)]));
}

interface KnownInput {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
}

/** The `inputs` and `outputs` fields of the last request, as long as the next one's are the same. */
function createTensorCache(): (
  names: readonly string[],
  inputs: Readonly<Record<string, Tensor>>,
  outputs: readonly string[] | undefined,
) => Buffer {
  let known: KnownInput[] | undefined;
  let knownOutputs: readonly string[] | undefined;
  let header = EMPTY;
  return (names, inputs, outputs) => {
    if (known !== undefined && sameInputs(known, names, inputs) && sameNames(knownOutputs, outputs))
      return header;
    known = names.map((name) => ({
      name,
      datatype: inputs[name]!.datatype,
      shape: [...inputs[name]!.shape],
    }));
    knownOutputs = outputs === undefined ? undefined : [...outputs];
    header = Buffer.concat([
      ...known.map((input) => delimited(5, inputTensor(input))),
      ...(outputs ?? []).map((name) => delimited(6, stringField(1, name))),
    ]);
    return header;
  };
}

function inputTensor({ name, datatype, shape }: KnownInput): Buffer {
  const dims = Buffer.from(shape.flatMap((size) => varint64(BigInt(size))));
  return Buffer.concat([
    stringField(1, name),
    stringField(2, datatype),
    dims.length === 0 ? EMPTY : delimited(3, dims),
  ]);
}

function sameInputs(
  known: readonly KnownInput[],
  names: readonly string[],
  inputs: Readonly<Record<string, Tensor>>,
): boolean {
  if (known.length !== names.length) return false;
  for (let i = 0; i < known.length; i++) {
    const { name, datatype, shape } = known[i]!;
    if (name !== names[i]) return false;
    const tensor = inputs[name]!;
    if (tensor.datatype !== datatype || tensor.shape.length !== shape.length) return false;
    for (let d = 0; d < shape.length; d++) if (tensor.shape[d] !== shape[d]) return false;
  }
  return true;
}

function sameNames(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((name, i) => name === b[i]);
}
