import {
  ELEMENT_SIZES,
  elementCount,
  type NumericDatatype,
  type TensorData,
  viewElements,
} from "@strainflow/series";
import { inputError } from "./model-inputs.ts";

/** An array of numbers as numpy stores it, in row-major order. */
export interface NpyArray {
  readonly datatype: NumericDatatype;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

const DATATYPES: Readonly<Record<string, NumericDatatype>> = {
  b1: "BOOL",
  u1: "UINT8",
  i1: "INT8",
  u2: "UINT16",
  i2: "INT16",
  u4: "UINT32",
  i4: "INT32",
  u8: "UINT64",
  i8: "INT64",
  f2: "FP16",
  f4: "FP32",
  f8: "FP64",
};

const MAGIC = "\u0093NUMPY";

/**
 * Reads a `.npy` file: numbers and booleans, row-major, in either byte order. Objects and strings are refused: reading
 * them would mean to execute what is in the file.
 *
 * @throws `loadtest-input`
 */
export function parseNpy(bytes: Uint8Array, path: string): NpyArray {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || Buffer.from(bytes.subarray(0, 6)).toString("latin1") !== MAGIC)
    throw inputError(`${path} is no .npy file`);
  const old = view.getUint8(6) === 1;
  const begin = old ? 10 : 12;
  const headerSize = old ? view.getUint16(8, true) : view.getUint32(8, true);
  if (begin + headerSize > bytes.length) throw inputError(`${path} ends within its header`);
  const header = Buffer.from(bytes.subarray(begin, begin + headerSize)).toString("latin1");
  const [, order = "", kind = ""] = /'descr':\s*'([<>|=]?)(\w+)'/.exec(header) ?? [];
  const datatype = Object.hasOwn(DATATYPES, kind) ? DATATYPES[kind] : undefined;
  if (datatype === undefined)
    throw inputError(
      `${path} holds ${/'descr':\s*([^,]+),/.exec(header)?.[1] ?? "something"}; numbers are wanted, such as float32`,
    );
  if (/'fortran_order':\s*True/.test(header))
    throw inputError(`${path} is column-major; save it with numpy.ascontiguousarray`);
  const shapeText = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1] ?? "";
  const shape = shapeText.split(",").flatMap((part) => (part.trim() === "" ? [] : [Number(part)]));
  const size = ELEMENT_SIZES[datatype];
  const count = elementCount(shape);
  const left = bytes.length - begin - headerSize;
  if (!Number.isSafeInteger(count) || count * size !== left)
    throw inputError(`${path} says [${shape}] of ${kind}, ${count * size} bytes; it has ${left}`);
  // A copy, and aligned: `slice` of a Buffer would be a view.
  const data = new Uint8Array(bytes.subarray(begin + headerSize));
  if (order === ">") for (let i = 0; i < data.length; i += size) data.subarray(i, i + size).reverse();
  return { datatype, shape, data: viewElements(datatype, data) };
}
