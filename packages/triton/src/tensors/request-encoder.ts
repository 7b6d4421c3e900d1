import type { SequenceControl } from "@strainflow/series";
import type { TritonRequest } from "../request.ts";
import { type FramedMessage, PREFIX_SIZE, writePrefix } from "../transport/grpc-frames.ts";
import { LENGTH_DELIMITED, stringField, varintSize, writeVarint } from "../transport/wire.ts";
import { parameter } from "./parameter-codec.ts";
import { createTensorCache } from "./request-header.ts";
import { extraParameters, sequenceParameters } from "./request-parameters.ts";
import { tensorBytes } from "./tensor-bytes.ts";

/*
 * ModelInferRequest: 1 model_name, 2 model_version, 3 id, 4 parameters, 5 inputs, 6 outputs, 7 raw_input_contents.
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
  encode(request: TritonRequest): FramedMessage;
}

/**
 * @param modelVersion empty: the server chooses
 * @param decoupled asks the server to say when a request has no more responses
 */
export function createRequestEncoder(
  modelName: string,
  modelVersion: string,
  decoupled = false,
): RequestEncoder {
  const model = Buffer.concat([
    stringField(1, modelName),
    stringField(2, modelVersion),
    decoupled ? parameter(4, "triton_enable_empty_final_response", true) : EMPTY,
  ]);
  const parameters = createParameterCache();
  const tensors = createTensorCache();
  return {
    encode(request) {
      const { id, inputs, sequence, outputs } = request;
      const names = Object.keys(inputs);
      const raw: Uint8Array[] = [];
      let copiedSize = 0;
      let referredSize = 0;
      for (const name of names) {
        const bytes = tensorBytes(name, inputs[name]!);
        if (bytes === undefined) continue;
        raw.push(bytes);
        copiedSize += 1 + varintSize(bytes.length);
        if (bytes.length < BY_REFERENCE_SIZE) copiedSize += bytes.length;
        else referredSize += bytes.length;
      }
      const idSize = Buffer.byteLength(id, "utf8");
      if (idSize > 0) copiedSize += 1 + varintSize(idSize) + idSize;
      const control = withExtras(parameters(sequence), request);
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

function withExtras(control: Buffer, request: TritonRequest): Buffer {
  if (
    request.priority === undefined &&
    request.queueTimeoutMs === undefined &&
    request.parameters === undefined
  )
    return control;
  return Buffer.concat([
    control,
    ...extraParameters(request).map(([name, value]) => parameter(4, name, value)),
  ]);
}

/** The sequence parameters of the last sequence: at most four variants of START and END. */
function createParameterCache(): (sequence: SequenceControl | undefined) => Buffer {
  let cachedId: bigint | string | undefined;
  let variants: (Buffer | undefined)[] = [];
  return (sequence) => {
    if (sequence === undefined) return EMPTY;
    const { id, start, end } = sequence;
    const variant = (start ? 1 : 0) | (end ? 2 : 0);
    const known = id === cachedId ? variants[variant] : undefined;
    if (known !== undefined) return known;
    const made = Buffer.concat(
      sequenceParameters(sequence).map(([name, value]) => parameter(4, name, value)),
    );
    if (id !== cachedId) {
      cachedId = id;
      variants = [];
    }
    variants[variant] = made;
    return made;
  };
}
