import { BinaryWriter } from "@bufbuild/protobuf/wire";
import type { SequencePlace } from "../scheduling/scheduler.ts";
import type { RawTensor, RawTensors } from "../tensors/raw-tensor.ts";
import { FRAMES } from "./frame-pool.ts";
import { framed, PREFIX_SIZE, writePrefix } from "./message-prefix.ts";

/**
 * Encodes `ModelInferResponse`s by hand, each with its prefix: one buffer, one copy of each output, and a header that is
 * made once, since from one response to the next only the id and the numbers change.
 */
export class ResponseEncoder {
  readonly #head: Uint8Array;
  readonly #outputs = new Map<string, { readonly shape: string; readonly bytes: Uint8Array }>();

  constructor(model: string, version: string) {
    this.#head = new BinaryWriter().tag(1, 2).string(model).tag(2, 2).string(version).finish();
  }

  /** A `ModelInferResponse`. `parameters`: fields that are encoded already. */
  unary(id: string, outputs: RawTensors, parameters: Uint8Array = NONE): Buffer {
    return this.#encode(id, outputs, parameters, false);
  }

  /** A `ModelStreamInferResponse` around it. */
  streamed(id: string, outputs: RawTensors, parameters: Uint8Array = NONE): Buffer {
    return this.#encode(id, outputs, parameters, true);
  }

  #encode(id: string, outputs: RawTensors, parameters: Uint8Array, streamed: boolean): Buffer {
    const idSize = Buffer.byteLength(id);
    let size =
      this.#head.byteLength + (idSize === 0 ? 0 : 1 + varintSize(idSize) + idSize) + parameters.byteLength;
    const parts: { readonly header: Uint8Array; readonly data: Uint8Array }[] = [];
    for (const [name, tensor] of outputs) {
      const header = this.#header(name, tensor);
      const { byteLength } = tensor.data;
      size += header.byteLength + 1 + varintSize(byteLength) + byteLength;
      parts.push({ header, data: tensor.data });
    }
    const messageSize = streamed ? 1 + varintSize(size) + size : size;
    const message = FRAMES.take(PREFIX_SIZE + messageSize);
    writePrefix(message, messageSize);
    let at = PREFIX_SIZE;
    if (streamed) {
      message[at++] = (2 << 3) | 2;
      at = putVarint(message, at, size);
    }
    message.set(this.#head, at);
    at += this.#head.byteLength;
    if (idSize > 0) {
      message[at++] = (3 << 3) | 2;
      at = putVarint(message, at, idSize);
      at += message.write(id, at);
    }
    message.set(parameters, at);
    at += parameters.byteLength;
    for (const { header } of parts) {
      message.set(header, at);
      at += header.byteLength;
    }
    for (const { data } of parts) {
      message[at++] = (6 << 3) | 2;
      at = putVarint(message, at, data.byteLength);
      message.set(data, at);
      at += data.byteLength;
    }
    return message;
  }

  /** The `InferOutputTensor` of an output, remembered while its shape stays. */
  #header(name: string, tensor: RawTensor): Uint8Array {
    const shape = tensor.shape.join(",");
    const known = this.#outputs.get(name);
    if (known?.shape === shape) return known.bytes;
    const writer = new BinaryWriter().tag(5, 2).fork();
    writer.tag(1, 2).string(name).tag(2, 2).string(tensor.datatype);
    if (tensor.shape.length > 0) {
      writer.tag(3, 2).fork();
      for (const dimension of tensor.shape) writer.int64(dimension);
      writer.join();
    }
    const bytes = writer.join().finish();
    this.#outputs.set(name, { shape, bytes });
    return bytes;
  }
}

const NONE = new Uint8Array(0);

/** An entry of a response's `parameters`. */
function parameter(key: string, write: (value: BinaryWriter) => void): Uint8Array {
  const writer = new BinaryWriter().tag(4, 2).fork();
  writer.tag(1, 2).string(key).tag(2, 2).fork();
  write(writer);
  return writer.join().join().finish();
}

const flag = (key: string, value: boolean): Uint8Array =>
  parameter(key, (writer) => writer.tag(1, 0).bool(value));

/** Whether more responses to the same request will come: each one of a stream says so. */
export const FINAL: Uint8Array = flag("triton_final_response", true);
export const NOT_FINAL: Uint8Array = flag("triton_final_response", false);

/** Of requests between a sequence's first and last, which are nearly all of them. */
const between = new Map<SequencePlace["id"], Uint8Array>();
const MOST_REMEMBERED = 4096;
const LONGEST_REMEMBERED = 256;

/** The sequence that a response is of: Triton's ensembles say so, other models do not. */
export function sequenceParameters(place: SequencePlace): Uint8Array {
  const { id, start, end } = place;
  if (start || end) return encodePlace(place);
  const known = between.get(id);
  if (known !== undefined) return known;
  const bytes = encodePlace(place);
  // An id may be any text.
  if (bytes.byteLength <= LONGEST_REMEMBERED) {
    if (between.size === MOST_REMEMBERED) between.clear();
    between.set(id, bytes);
  }
  return bytes;
}

function encodePlace({ id, start, end }: SequencePlace): Uint8Array {
  const named = parameter("sequence_id", (writer) =>
    typeof id === "string" ? writer.tag(3, 2).string(id) : writer.tag(2, 0).int64(id),
  );
  return Buffer.concat([named, flag("sequence_start", start), flag("sequence_end", end)]);
}

/** A `ModelStreamInferResponse` without outputs, with its prefix: a decoupled request is done. */
export function encodeEmptyFinal(model: string, id: string): Buffer {
  const writer = new BinaryWriter().tag(2, 2).fork().tag(1, 2).string(model);
  if (id !== "") writer.tag(3, 2).string(id);
  return framed(writer.raw(FINAL).join().finish());
}

/** What a model answers in place of outputs. */
export interface ModelError {
  readonly model: string;
  /** Whether no more comes for the request. */
  readonly final: boolean;
}

/**
 * A `ModelStreamInferResponse` with an error, with its prefix; the stream goes on. `by`: the model that took the request;
 * absent where none did, and then nothing is told but the request's id, as in Triton.
 */
export function encodeStreamError(id: string, message: string, by?: ModelError): Buffer {
  const writer = new BinaryWriter().tag(1, 2).string(message);
  writer.tag(2, 2).fork();
  if (by !== undefined) writer.tag(1, 2).string(by.model);
  if (id !== "") writer.tag(3, 2).string(id);
  if (by !== undefined) writer.raw(by.final ? FINAL : NOT_FINAL);
  return framed(writer.join().finish());
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++;
  return size;
}

function putVarint(into: Uint8Array, at: number, value: number): number {
  let next = at;
  let rest = value;
  while (rest >= 128) {
    into[next++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  into[next++] = rest;
  return next;
}
