import { type Inference, type SampleArray, StrainflowError } from "@strainflow/series";

/**
 * A model's floating-point output, checked to hold `perStride` values for each of its strides.
 *
 * @throws `malformed-output`
 */
export function floatOutput(
  where: string,
  block: Pick<Inference, "size" | "outputs">,
  name: string,
  perStride: number,
): SampleArray {
  const tensor = block.outputs[name];
  const data = tensor?.data;
  if (
    !(data instanceof Float32Array || data instanceof Float64Array) ||
    data.length !== block.size * perStride
  )
    throw new StrainflowError(
      "malformed-output",
      `${where}: the output ${name} must be FP32 or FP64 of ${perStride} values for each of ${block.size} strides; ` +
        (tensor === undefined
          ? `the model gave ${Object.keys(block.outputs).join(", ") || "none"}`
          : `it is ${tensor.datatype} [${tensor.shape.join(", ")}]`),
      { details: { output: name, datatype: tensor?.datatype, shape: tensor?.shape } },
    );
  return data;
}
