import { byteStringsSize, joinByteStrings, splitByteStrings, type Tensor } from "@strainflow/series";
import { type Codec, fromBase64 } from "../codec.ts";
import { bytesOf, checkShape, elementsOf, isNumeric } from "./elements.ts";
import { isNpy, npy } from "./npy.ts";
import { elementsFromJson, elementsToJson } from "./tensor-json.ts";

/*
 * "SFT1", the length of the header (little-endian uint32), the header in JSON ({"datatype", "shape"}), and from the next
 * multiple of 8 the elements, little-endian, row-major; of BYTES each with its length (little-endian uint32) before it,
 * as Triton has them.
 */

const MAGIC = Uint8Array.of(0x53, 0x46, 0x54, 0x31);
const HEAD_SIZE = 8;
const MAX_HEADER_SIZE = 4096;

/**
 * Tensors of every type. As bytes in a form of their own; a `.npy` is read too. In JSON as
 * `{"datatype": "FP32", "shape": [2, 3], "data": [1, 2, …]}`, where NaN and infinities are strings ("NaN", "Infinity",
 * "-Infinity"), 64-bit integers may be, and each of BYTES is one in base64; a string of base64 holds the bytes.
 */
export const tensor: Codec<Tensor> = {
  name: "tensor",
  contentType: "application/vnd.strainflow.tensor",
  encode,
  decode: (bytes) => (isNpy(bytes) ? npy.decode(bytes) : decode(bytes)),
  toJson: (value) => ({
    datatype: value.datatype,
    shape: checkShape(value.shape).shape,
    data: elementsToJson(value),
  }),
  fromJson: (json) => {
    if (typeof json === "string") return tensor.decode(fromBase64(json, "tensor"));
    if (
      typeof json !== "object" ||
      json === null ||
      !("datatype" in json && "shape" in json && "data" in json)
    )
      throw new TypeError('a tensor in JSON is {"datatype", "shape", "data"}');
    const { shape, count } = checkShape(json.shape);
    const { datatype, data } = json;
    if (!isNumeric(datatype) && datatype !== "BYTES")
      throw new TypeError(`there is no datatype ${String(datatype)}`);
    if (!Array.isArray(data) || data.length !== count)
      throw new RangeError(`data must be a list of ${count} elements, as many as the shape has`);
    return { datatype, shape, data: elementsFromJson(datatype, data) };
  },
};

function encode(value: Tensor): Uint8Array {
  const { count } = checkShape(value.shape);
  const data = value.datatype === "BYTES" ? packStrings(value.data, count) : bytesOf(value);
  const header = new TextEncoder().encode(JSON.stringify({ datatype: value.datatype, shape: value.shape }));
  const at = Math.ceil((HEAD_SIZE + header.length) / 8) * 8;
  const bytes = new Uint8Array(at + data.length);
  bytes.set(MAGIC);
  new DataView(bytes.buffer).setUint32(4, header.length, true);
  bytes.set(header, HEAD_SIZE);
  bytes.set(data, at);
  return bytes;
}

function decode(bytes: Uint8Array): Tensor {
  if (!MAGIC.every((byte, i) => bytes[i] === byte) || bytes.length < HEAD_SIZE)
    throw new TypeError("it begins neither as a tensor nor as a .npy");
  const size = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(4, true);
  if (size > MAX_HEADER_SIZE || HEAD_SIZE + size > bytes.length)
    throw new RangeError(`a header of ${size} bytes`);
  const header: unknown = JSON.parse(new TextDecoder().decode(bytes.subarray(HEAD_SIZE, HEAD_SIZE + size)));
  if (typeof header !== "object" || header === null || !("datatype" in header && "shape" in header))
    throw new TypeError("its header must have datatype and shape");
  const { datatype } = header;
  const { shape, count } = checkShape(header.shape);
  const data = bytes.subarray(Math.ceil((HEAD_SIZE + size) / 8) * 8);
  if (datatype === "BYTES") return { datatype, shape, data: unpackStrings(data, count) };
  if (!isNumeric(datatype)) throw new TypeError(`there is no datatype ${String(datatype)}`);
  return { datatype, shape, data: elementsOf(datatype, data, count) };
}

function packStrings(data: Tensor["data"], count: number): Uint8Array {
  if (ArrayBuffer.isView(data) || data.length !== count)
    throw new RangeError(`BYTES are a list of ${count} byte strings, as many as the shape has`);
  return joinByteStrings(data);
}

function unpackStrings(bytes: Uint8Array, count: number): Uint8Array[] {
  const texts = splitByteStrings(bytes, count);
  if (texts.length !== count || byteStringsSize(texts) !== bytes.length)
    throw new RangeError(`its bytes are not ${count} strings`);
  // Copies, which do not keep the whole message alive.
  return texts.map((text) => text.slice());
}
