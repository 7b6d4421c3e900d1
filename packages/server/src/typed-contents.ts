import { fromBinary } from "@bufbuild/protobuf";
import { type InferTensorContents, InferTensorContentsSchema } from "@strainflow/proto";
import type { Datatype } from "@strainflow/series";
import { invalid } from "./refusal.ts";

/**
 * The bytes of an input that came as numbers in its `contents` field.
 *
 * @throws Refusal (INVALID_ARGUMENT) for types that travel raw only
 */
export function contentsBytes(
  message: Uint8Array,
  datatype: Datatype,
  name: string,
  model: string,
): Uint8Array {
  let contents: InferTensorContents;
  try {
    contents = fromBinary(InferTensorContentsSchema, message);
  } catch {
    throw invalid(`the contents of input '${name}' for model '${model}' cannot be read`);
  }
  const array = typedArray(contents, datatype);
  if (array === undefined)
    throw invalid(
      `input '${name}' for model '${model}' is ${datatype}, which travels in raw_input_contents only`,
    );
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function typedArray(contents: InferTensorContents, datatype: Datatype): ArrayBufferView | undefined {
  switch (datatype) {
    case "BOOL":
      return Uint8Array.from(contents.boolContents, Number);
    case "INT8":
      return Int8Array.from(contents.intContents);
    case "INT16":
      return Int16Array.from(contents.intContents);
    case "INT32":
      return Int32Array.from(contents.intContents);
    case "INT64":
      return BigInt64Array.from(contents.int64Contents);
    case "UINT8":
      return Uint8Array.from(contents.uintContents);
    case "UINT16":
      return Uint16Array.from(contents.uintContents);
    case "UINT32":
      return Uint32Array.from(contents.uintContents);
    case "UINT64":
      return BigUint64Array.from(contents.uint64Contents);
    case "FP32":
      return Float32Array.from(contents.fp32Contents);
    case "FP64":
      return Float64Array.from(contents.fp64Contents);
    case "FP16":
    case "BF16":
    case "BYTES":
      return undefined;
  }
}
