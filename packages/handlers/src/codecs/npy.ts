import { ELEMENT_SIZES, type NumericDatatype, type Tensor } from "@strainflow/series";
import type { Codec } from "../codec.ts";
import { rowMajor, swapBytes } from "./element-order.ts";
import { bytesOf, checkShape, elementsOf, isNumeric } from "./elements.ts";

/*
 * numpy's file of one array: "\x93NUMPY", the version, the length of the header, the header: a Python dictionary of
 * three known keys, which is matched here and never evaluated.
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */

const MAGIC = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59);

/** numpy itself reads no longer ones unless it is told to trust them. */
const MAX_HEADER_SIZE = 10_000;

const KINDS: Readonly<Record<string, NumericDatatype>> = {
  b1: "BOOL",
  u1: "UINT8",
  u2: "UINT16",
  u4: "UINT32",
  u8: "UINT64",
  i1: "INT8",
  i2: "INT16",
  i4: "INT32",
  i8: "INT64",
  f2: "FP16",
  f4: "FP32",
  f8: "FP64",
};

/** Arrays as numpy writes and reads them, `numpy.save` and `numpy.load(…, allow_pickle=False)`. BF16 and BYTES it has not. */
export const npy: Codec<Tensor> = {
  name: "npy",
  contentType: "application/x-npy",
  encode: encodeNpy,
  decode: decodeNpy,
};

/** Whether bytes begin as a `.npy` does. */
export function isNpy(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, i) => bytes[i] === byte);
}

function encodeNpy(tensor: Tensor): Uint8Array {
  const data = bytesOf(tensor);
  const kind = Object.keys(KINDS).find((name) => KINDS[name] === tensor.datatype);
  if (kind === undefined) throw new TypeError(`numpy has no ${tensor.datatype}; use the codec tensor`);
  const { shape } = tensor;
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const order = kind.endsWith("1") ? "|" : "<";
  const header = `{'descr': '${order}${kind}', 'fortran_order': False, 'shape': ${tuple}, }`;
  // The data begin at a multiple of 64, behind a line feed.
  const size = Math.ceil((10 + header.length + 1) / 64) * 64;
  const bytes = new Uint8Array(size + data.length);
  bytes.set(MAGIC);
  bytes[6] = 1;
  new DataView(bytes.buffer).setUint16(8, size - 10, true);
  bytes.set(new TextEncoder().encode(`${header.padEnd(size - 11)}\n`), 10);
  bytes.set(data, size);
  return bytes;
}

function decodeNpy(bytes: Uint8Array): Tensor {
  if (!isNpy(bytes)) throw new TypeError("it does not begin as a .npy");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = bytes[6] ?? 0;
  if (version < 1 || version > 3) throw new TypeError(`version ${version} of .npy is not known`);
  const from = version === 1 ? 10 : 12;
  if (bytes.length < from) throw new RangeError("it ends inside its header");
  const size = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (size > MAX_HEADER_SIZE)
    throw new RangeError(`a header of ${size} bytes; at most ${MAX_HEADER_SIZE} are read`);
  if (bytes.length < from + size) throw new RangeError("it ends inside its header");
  const header = readHeader(new TextDecoder().decode(bytes.subarray(from, from + size)));
  const { datatype, order, shape, fortran } = header;
  const { count } = checkShape(shape);
  let data = elementsOf(datatype, bytes.subarray(from + size), count);
  if (order === ">" && ELEMENT_SIZES[datatype] > 1) swapBytes(data);
  if (fortran) data = rowMajor(data, shape);
  return { datatype, shape, data };
}

interface NpyHeader {
  readonly datatype: NumericDatatype;
  readonly order: string;
  readonly shape: readonly number[];
  readonly fortran: boolean;
}

/** `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`, its keys in any order. */
function readHeader(text: string): NpyHeader {
  const inside = /^\{(.*)\}\s*$/s.exec(text.trim())?.[1];
  if (inside === undefined) throw new TypeError("its header is no dictionary");
  const found = new Map<string, string>();
  const entry = /\s*'(\w{1,32})'\s*:\s*('[^']{0,64}'|True|False|\([\d,\sL]{0,2000}\)|\[)\s*(,|$)/y;
  while (entry.lastIndex < inside.trimEnd().length) {
    const match = entry.exec(inside);
    if (match === null) throw new TypeError("its header holds more than descr, fortran_order and shape");
    const [, key = "", value = ""] = match;
    if (found.has(key)) throw new TypeError(`its header has ${key} twice`);
    found.set(key, value);
  }
  const descr = /^'([<>|=]?)(\w+)'$/.exec(found.get("descr") ?? "");
  const fortran = found.get("fortran_order");
  const tuple = found.get("shape");
  if (
    found.size !== 3 ||
    descr === null ||
    tuple === undefined ||
    (fortran !== "True" && fortran !== "False")
  )
    throw new TypeError("its header must have descr of a plain type, fortran_order and shape");
  const [, order = "", kind = ""] = descr;
  const datatype = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined;
  if (!isNumeric(datatype))
    throw new TypeError(
      kind.startsWith("O")
        ? "objects are pickled, which runs what it reads; send numbers"
        : `numpy's ${kind} is not read`,
    );
  const sizes = tuple
    .slice(1, -1)
    .split(",")
    .map((size) => size.trim().replace(/L$/, ""));
  if (sizes.at(-1) === "") sizes.pop();
  if (sizes.some((size) => !/^\d{1,16}$/.test(size))) throw new TypeError(`a shape of ${tuple}`);
  return { datatype, order, shape: sizes.map(Number), fortran: fortran === "True" };
}
