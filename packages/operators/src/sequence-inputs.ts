import {
  castElements,
  elementCount,
  StrainflowError,
  type StreamingModel,
  type StreamPart,
  type Tensor,
  zeroElements,
} from "@strainflow/series";
import type { Update } from "@strainflow/steps";

/**
 * What a model is sent for an update: the stream in all rows that its input has, dealt to all inputs that take it, in
 * their datatypes; and the update's side tensors.
 *
 * @returns a function from an update to its inputs, and from nothing to inputs of zeros, for a request that only ends a
 *   sequence; it throws `missing-side-input`
 */
export function createUpdateInputs(
  model: StreamingModel,
): (item: Update | undefined) => Record<string, Tensor> {
  const { streaming } = model;
  const updateLength = streaming.strideSize * streaming.batchSize;
  const parts = streaming.parts ?? [{ input: streaming.input, channels: streaming.channels }];
  const firstChannels = new Map<string, number>();
  let channel = 0;
  for (const part of parts) {
    firstChannels.set(part.input.name, channel);
    channel += part.channels.length;
  }

  function streamed({ input, channels }: StreamPart, update: Float32Array): Tensor {
    const from = (firstChannels.get(input.name) ?? 0) * updateLength;
    const one = update.subarray(from, from + channels.length * updateLength);
    const { datatype } = input;
    if (streaming.layout === "strides")
      return {
        datatype,
        shape: [streaming.batchSize, channels.length, streaming.strideSize],
        data: castElements(datatype, strideByStride(one, channels.length, streaming.batchSize)),
      };
    const rows = Math.max(1, input.shape[0] ?? 1);
    let data = one;
    if (rows > 1) {
      data = new Float32Array(rows * one.length);
      for (let row = 0; row < rows; row++) data.set(one, row * one.length);
    }
    return { datatype, shape: [rows, channels.length, updateLength], data: castElements(datatype, data) };
  }

  return (item) => {
    const update = item?.data ?? new Float32Array(channel * updateLength);
    const inputs: Record<string, Tensor> = {};
    for (const spec of model.inputs) {
      const part = parts.find(({ input }) => input.name === spec.name);
      const side = item?.side[spec.name];
      if (part !== undefined) inputs[spec.name] = streamed(part, update);
      else if (side !== undefined) inputs[spec.name] = side;
      else if (item === undefined) {
        const shape = spec.shape.map((size) => Math.max(1, size));
        inputs[spec.name] = {
          datatype: spec.datatype,
          shape,
          data: zeroElements(spec.datatype, elementCount(shape)),
        };
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

/** `[channels, batch × stride]` as `[batch, channels, stride]`. */
function strideByStride(update: Float32Array, channelCount: number, batchSize: number): Float32Array {
  const length = update.length / channelCount;
  const strideSize = length / batchSize;
  const target = new Float32Array(update.length);
  let at = 0;
  for (let stride = 0; stride < batchSize; stride++)
    for (let channel = 0; channel < channelCount; channel++) {
      const from = channel * length + stride * strideSize;
      target.set(update.subarray(from, from + strideSize), at);
      at += strideSize;
    }
  return target;
}

/** A random id: ids are shared by all clients of a model. Never 0, which means "none"; fits int64. */
export function randomSequenceId(): bigint {
  const [word = 0n] = globalThis.crypto.getRandomValues(new BigUint64Array(1));
  return (word >> 1n) | 1n;
}
