import { fromBinary } from "@bufbuild/protobuf";
import { ModelInferResponse_InferOutputTensorSchema } from "@strainflow/proto";
import { type Datatype, elementCount, type TensorData } from "@strainflow/series";
import { malformedResponse } from "../errors.ts";

/**
 * Elements of an output that came as typed contents, not as raw bytes: Triton never sends them, other servers of the
 * same protocol may.
 *
 * @param source the bytes of the `InferOutputTensor`
 * @throws `malformed-response` if their number is not that of the shape, or the datatype has no typed form (FP16, BF16)
 */
export function typedContents(
  name: string,
  datatype: Datatype,
  shape: readonly number[],
  source: Uint8Array,
): TensorData {
  const { contents } = fromBinary(ModelInferResponse_InferOutputTensorSchema, source);
  const data = contents === undefined ? undefined : elements(datatype, contents);
  if (data === undefined || data.length !== elementCount(shape))
    throw malformedResponse(
      `output "${name}" of ${datatype} [${shape.join(", ")}] came as typed contents of ${data?.length ?? "another type"}`,
      { output: name, datatype, shape },
    );
  return data;
}

type Contents = NonNullable<
  ReturnType<typeof fromBinary<typeof ModelInferResponse_InferOutputTensorSchema>>["contents"]
>;

function elements(datatype: Datatype, contents: Contents): TensorData | undefined {
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
    case "BYTES":
      return contents.bytesContents;
    case "FP16":
    case "BF16":
      return undefined;
  }
}
