import { fromBinary } from "@bufbuild/protobuf";
import { type InferTensorContents, InferTensorContentsSchema } from "@strainflow/proto";
import { invalid } from "../refusal.ts";
import { joinTexts } from "./text-tensors.ts";

/**
 * The bytes of an input that came as numbers or texts in its `contents` field; `undefined` if the field is empty.
 *
 * @throws Refusal (INVALID_ARGUMENT) for contents of another type than the input says
 */
export function contentsBytes(
  message: Uint8Array,
  datatype: string,
  name: string,
  model: string,
): Uint8Array | undefined {
  let contents: InferTensorContents;
  try {
    contents = fromBinary(InferTensorContentsSchema, message);
  } catch {
    throw invalid(`the contents of input '${name}' for model '${model}' cannot be read`);
  }
  const [kind, array] = filled(contents, datatype);
  if (kind === undefined) return undefined;
  if (array === undefined)
    throw invalid(
      `unexpected explicit tensor data for input tensor '${name}' for model '${model}' of type '${kind}', expected datatype '${datatype}'`,
    );
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** The field that is filled, by the type it stands for, and its elements if an input of that type may use it. */
function filled(
  contents: InferTensorContents,
  datatype: string,
): readonly [string | undefined, ArrayBufferView?] {
  const only = (kind: string, make: () => ArrayBufferView): [string, ArrayBufferView?] =>
    kind === datatype ? [kind, make()] : [kind];
  const { boolContents, int64Contents, uint64Contents, fp32Contents, fp64Contents, bytesContents } = contents;
  if (boolContents.length > 0) return only("BOOL", () => Uint8Array.from(boolContents, Number));
  if (contents.intContents.length > 0) return narrow("INT32", SIGNED, contents.intContents, datatype);
  if (int64Contents.length > 0) return only("INT64", () => BigInt64Array.from(int64Contents));
  if (contents.uintContents.length > 0) return narrow("UINT32", UNSIGNED, contents.uintContents, datatype);
  if (uint64Contents.length > 0) return only("UINT64", () => BigUint64Array.from(uint64Contents));
  if (fp32Contents.length > 0) return only("FP32", () => Float32Array.from(fp32Contents));
  if (fp64Contents.length > 0) return only("FP64", () => Float64Array.from(fp64Contents));
  if (bytesContents.length > 0) return only("BYTES", () => joinTexts(bytesContents));
  return [undefined];
}

type Narrow = { readonly from: (values: readonly number[]) => ArrayBufferView };
const SIGNED: Readonly<Record<string, Narrow>> = { INT8: Int8Array, INT16: Int16Array, INT32: Int32Array };
const UNSIGNED: Readonly<Record<string, Narrow>> = {
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
};

/** Narrow integers have no field of their own. */
function narrow(
  kind: string,
  arrays: Readonly<Record<string, Narrow>>,
  values: readonly number[],
  datatype: string,
): readonly [string, ArrayBufferView?] {
  const array = arrays[datatype];
  return array === undefined ? [kind] : [kind, array.from(values)];
}
