import { type Datatype, elementCount, type TensorData } from "@strainflow/series";
import { invalidRequest, malformedResponse } from "../errors.ts";
import type { RequestTensor } from "../request.ts";

/*
 * Tensors travel as raw bytes: row-major, little-endian. Elements of BYTES carry a 4-byte length each.
 */

const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** The array that holds each datatype, by the name that the array itself gives (`Symbol.toStringTag`). */
const ARRAY_NAMES: Readonly<Record<Exclude<Datatype, "BYTES">, string>> = {
  BOOL: "Uint8Array",
  UINT8: "Uint8Array",
  UINT16: "Uint16Array",
  UINT32: "Uint32Array",
  UINT64: "BigUint64Array",
  INT8: "Int8Array",
  INT16: "Int16Array",
  INT32: "Int32Array",
  INT64: "BigInt64Array",
  FP16: "Uint16Array",
  BF16: "Uint16Array",
  FP32: "Float32Array",
  FP64: "Float64Array",
};

/** Bytes per element; 0 for BYTES, whose elements differ in length. */
export const ELEMENT_SIZES: Readonly<Record<Datatype, number>> = {
  BOOL: 1,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FP16: 2,
  BF16: 2,
  FP32: 4,
  FP64: 8,
  BYTES: 0,
};

/** Whether a server's word is a datatype that we know. */
export function isDatatype(name: string): name is Datatype {
  return Object.hasOwn(ELEMENT_SIZES, name);
}

/**
 * The raw bytes of a tensor: a view where the data are numbers, a copy where they are byte strings, nothing where they
 * lie in shared memory.
 *
 * @throws `invalid-request` if array, datatype and shape do not go together
 */
export function tensorBytes(name: string, tensor: RequestTensor): Uint8Array | undefined {
  if ("sharedMemory" in tensor) return undefined;
  const { data, datatype, shape } = tensor;
  const count = elementCount(shape);
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0))
    throw invalidRequest(
      `input "${name}" has shape [${shape.join(", ")}]; its sizes must be whole numbers of at least 0`,
      { input: name, datatype, shape },
    );
  if (datatype === "BYTES") {
    if (ArrayBuffer.isView(data) || data.length !== count) throw mismatch(name, tensor, count);
    return joinBytes(data);
  }
  if (
    !ArrayBuffer.isView(data) ||
    data.length !== count ||
    data[Symbol.toStringTag] !== ARRAY_NAMES[datatype]
  )
    throw mismatch(name, tensor, count);
  if (!LITTLE_ENDIAN)
    throw invalidRequest(`input "${name}": this machine is big-endian, and the wire is little-endian`);
  return data instanceof Uint8Array ? data : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function mismatch(
  name: string,
  { data, datatype, shape }: Exclude<RequestTensor, { sharedMemory: unknown }>,
  count: number,
): Error {
  const is = ArrayBuffer.isView(data) ? data[Symbol.toStringTag] : "an array";
  const wanted = datatype === "BYTES" ? "array of byte strings" : ARRAY_NAMES[datatype];
  return invalidRequest(
    `input "${name}" of ${datatype} [${shape.join(", ")}] needs a ${wanted} of ${count} elements; it was given ${is} of ${data.length}`,
    { input: name, datatype, shape },
  );
}

function joinBytes(strings: readonly (string | Uint8Array)[]): Uint8Array {
  const elements = strings.map((each) => (typeof each === "string" ? Buffer.from(each, "utf8") : each));
  const size = elements.reduce((sum, element) => sum + 4 + element.length, 0);
  const joined = new Uint8Array(size);
  const view = new DataView(joined.buffer);
  let at = 0;
  for (const element of elements) {
    view.setUint32(at, element.length, true);
    joined.set(element, at + 4);
    at += 4 + element.length;
  }
  return joined;
}

/**
 * Elements from raw bytes: a view of `bytes` where its place in memory allows it, a copy otherwise.
 *
 * A view keeps all of the message alive that it lies in.
 *
 * @throws `malformed-response` if there are not as many bytes as datatype and shape need
 */
export function tensorData(
  name: string,
  datatype: Datatype,
  shape: readonly number[],
  bytes: Uint8Array,
): TensorData {
  const count = elementCount(shape);
  if (datatype === "BYTES") return splitBytes(name, count, bytes);
  const size = ELEMENT_SIZES[datatype];
  if (bytes.length !== count * size)
    throw malformedResponse(
      `output "${name}" of ${datatype} [${shape.join(", ")}] needs ${count * size} bytes; the server sent ${bytes.length}` +
        (bytes.length === 0 ? " (a python-backend model under numpy 2 does this)" : ""),
      { output: name, datatype, shape, size: bytes.length },
    );
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  const { buffer, byteOffset } = aligned;
  switch (datatype) {
    case "BOOL":
    case "UINT8":
      return aligned;
    case "INT8":
      return new Int8Array(buffer, byteOffset, count);
    case "UINT16":
    case "FP16":
    case "BF16":
      return new Uint16Array(buffer, byteOffset, count);
    case "INT16":
      return new Int16Array(buffer, byteOffset, count);
    case "UINT32":
      return new Uint32Array(buffer, byteOffset, count);
    case "INT32":
      return new Int32Array(buffer, byteOffset, count);
    case "FP32":
      return new Float32Array(buffer, byteOffset, count);
    case "UINT64":
      return new BigUint64Array(buffer, byteOffset, count);
    case "INT64":
      return new BigInt64Array(buffer, byteOffset, count);
    case "FP64":
      return new Float64Array(buffer, byteOffset, count);
  }
}

function splitBytes(name: string, count: number, bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const elements: Uint8Array[] = [];
  let at = 0;
  while (at + 4 <= bytes.length) {
    const size = view.getUint32(at, true);
    if (size > bytes.length - at - 4) break;
    elements.push(bytes.subarray(at + 4, at + 4 + size));
    at += 4 + size;
  }
  if (at !== bytes.length || elements.length !== count)
    throw malformedResponse(
      `output "${name}" of BYTES should hold ${count} byte strings in ${bytes.length} bytes; they end at byte ${at} after ${elements.length}`,
      { output: name, size: bytes.length },
    );
  return elements;
}
