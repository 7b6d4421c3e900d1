import {
  byteStringsSize,
  type Datatype,
  ELEMENT_SIZES,
  elementCount,
  joinByteStrings,
  type NumericDatatype,
  splitByteStrings,
  type TensorData,
  viewElements,
} from "@strainflow/series";
import { invalidRequest, malformedResponse } from "../errors.ts";
import type { RequestTensor } from "../request.ts";

const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** The array that holds each datatype, by the name that the array itself gives (`Symbol.toStringTag`). */
const ARRAY_NAMES: Readonly<Record<NumericDatatype, string>> = {
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
    return joinByteStrings(data.map((each) => (typeof each === "string" ? Buffer.from(each, "utf8") : each)));
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
  if (datatype === "BYTES") return byteStrings(name, count, bytes);
  const size = ELEMENT_SIZES[datatype];
  if (bytes.length !== count * size)
    throw malformedResponse(
      `output "${name}" of ${datatype} [${shape.join(", ")}] needs ${count * size} bytes; the server sent ${bytes.length}` +
        (bytes.length === 0 ? " (a python-backend model under numpy 2 does this)" : ""),
      { output: name, datatype, shape, size: bytes.length },
    );
  return viewElements(datatype, bytes);
}

function byteStrings(name: string, count: number, bytes: Uint8Array): Uint8Array[] {
  const strings = splitByteStrings(bytes, count);
  const size = byteStringsSize(strings);
  if (size !== bytes.length || strings.length !== count)
    throw malformedResponse(
      `output "${name}" of BYTES should hold ${count} byte strings in ${bytes.length} bytes; they end at byte ${size} after ${strings.length}`,
      { output: name, size: bytes.length },
    );
  return strings;
}
