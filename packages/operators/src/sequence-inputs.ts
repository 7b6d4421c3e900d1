import { StrainflowError, type StreamingModel, type Tensor } from "@strainflow/series";
import type { Update } from "@strainflow/steps";

/**
 * What a model is sent for an update: the stream in all rows that its input has, and the update's side tensors.
 *
 * @returns a function from an update to its inputs, and from nothing to inputs of zeros, for a request that only ends a
 *   sequence; it throws `missing-side-input`
 */
export function createUpdateInputs(
  model: StreamingModel,
): (item: Update | undefined) => Record<string, Tensor> {
  const { streaming } = model;
  const updateLength = streaming.strideSize * streaming.batchSize;
  const rows = Math.max(1, streaming.input.shape[0] ?? 1);
  return (item) => {
    const inputs: Record<string, Tensor> = {};
    for (const spec of model.inputs) {
      if (spec.name === streaming.input.name) {
        const one = item?.data ?? new Float32Array(streaming.channels.length * updateLength);
        let data = one;
        if (rows > 1) {
          data = new Float32Array(rows * one.length);
          for (let row = 0; row < rows; row++) data.set(one, row * one.length);
        }
        inputs[spec.name] = {
          datatype: "FP32",
          shape: [rows, streaming.channels.length, updateLength],
          data,
        };
        continue;
      }
      const side = item?.side[spec.name];
      if (side !== undefined) inputs[spec.name] = side;
      else if (item === undefined) {
        const shape = spec.shape.map((size) => Math.max(1, size));
        inputs[spec.name] = { datatype: spec.datatype, shape, data: zeros(spec.datatype, shape) };
      } else
        throw new StrainflowError(
          "missing-side-input",
          `model "${model.name}" takes the input "${spec.name}" beside the stream, and the stream carries ` +
            `${Object.keys(item.side).join(", ") || "no side tensors"}; put the step that provides it before inferSequence`,
          { details: { modelName: model.name, input: spec.name } },
        );
    }
    return inputs;
  };
}

function zeros(datatype: Tensor["datatype"], shape: readonly number[]): Tensor["data"] {
  const size = shape.reduce((a, b) => a * b, 1);
  switch (datatype) {
    case "FP64":
      return new Float64Array(size);
    case "INT32":
      return new Int32Array(size);
    case "INT64":
      return new BigInt64Array(size);
    default:
      return new Float32Array(size);
  }
}

/** A random id: ids are shared by all clients of a model. Never 0, which means "none"; fits int64. */
export function randomSequenceId(): bigint {
  const [word = 0n] = globalThis.crypto.getRandomValues(new BigUint64Array(1));
  return (word >> 1n) | 1n;
}
