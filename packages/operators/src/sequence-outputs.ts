import {
  convertIndex,
  convertIndexCeil,
  elementCount,
  type Inference,
  type InferenceBlock,
  StrainflowError,
  type StreamingModel,
  type Tensor,
  type TensorData,
} from "@strainflow/series";
import type { Mark, SkippedStrides, Update } from "@strainflow/steps";

/** Puts the answers to updates on the clock, in order: values where they count, gaps elsewhere. */
export interface SequenceOutputs {
  /** Outputs per second. */
  readonly sampleRate: number;
  take(
    item: Update | SkippedStrides,
    tensors: Readonly<Record<string, Tensor>> | undefined,
  ): InferenceBlock[];
  /** What is missing up to output `end`, as an edge. */
  finish(end: number): InferenceBlock[];
}

/** @param streamStart first sample of the stream: outputs that stand for earlier times are left out */
export function createOutputs(model: StreamingModel, streamStart: number): SequenceOutputs {
  const { sampleRate, strideSize, batchSize, updateSize, latency, channels } = model.streaming;
  const outputRate = (sampleRate * updateSize) / strideSize;
  if (!Number.isInteger(outputRate))
    throw new StrainflowError(
      "invalid-option",
      `model "${model.name}": ${updateSize} outputs every ${strideSize} samples at ${sampleRate} Hz are not a whole number per second`,
    );
  let covered = convertIndexCeil(streamStart, sampleRate, outputRate);

  const gap = (start: number, end: number, mark: Mark): InferenceBlock => ({
    kind: "gap",
    quantity: "inference",
    start,
    size: end - start,
    sampleRate: outputRate,
    channels,
    reason: mark.reason,
    ...(mark.detail === undefined ? {} : { detail: mark.detail }),
  });

  /** The tensors with outputs along the first dimension. */
  function byOutput(tensors: Readonly<Record<string, Tensor>>): [string, Tensor, number][] {
    const count = batchSize * updateSize;
    return Object.entries(tensors).map(([name, tensor]) => {
      const total = elementCount(tensor.shape);
      const [head, ...rest] = tensor.shape;
      const shape =
        head === count && updateSize === 1 ? [count, ...rest] : total === count ? [count] : undefined;
      if (shape === undefined || tensor.data.length !== total)
        throw new StrainflowError(
          "shape-mismatch",
          `model "${model.name}": output "${name}" has shape [${tensor.shape.join(", ")}]; ` +
            `${count} outputs were due for an update of ${batchSize} strides`,
          { details: { modelName: model.name, output: name, shape: tensor.shape } },
        );
      return [name, { ...tensor, shape }, total / count];
    });
  }

  return {
    sampleRate: outputRate,

    take(item, tensors) {
      const blocks: InferenceBlock[] = [];
      const named = tensors === undefined ? [] : byOutput(tensors);
      const base = convertIndex(item.start - latency, sampleRate, outputRate);
      for (let i = 0; i < batchSize; ) {
        const mark = item.marks[i];
        let end = i + 1;
        while (end < batchSize && same(item.marks[end], mark)) end++;
        const from = Math.max(covered, base + i * updateSize);
        const to = base + end * updateSize;
        if (from < to) {
          if (mark === undefined && tensors !== undefined) {
            const outputs: Record<string, Tensor> = {};
            for (const [name, tensor, width] of named)
              outputs[name] = {
                datatype: tensor.datatype,
                shape: [to - from, ...tensor.shape.slice(1)],
                data: part(tensor.data, (from - base) * width, (to - base) * width),
              };
            const block: Inference = {
              kind: "inference",
              start: from,
              size: to - from,
              sampleRate: outputRate,
              channels,
              outputs,
            };
            blocks.push(block);
          } else if (mark?.reason !== "edge") blocks.push(gap(from, to, mark ?? { reason: "missing" }));
          if (mark?.reason !== "edge") covered = to;
        }
        i = end;
      }
      return blocks;
    },

    finish(end) {
      if (covered >= end) return [];
      const from = covered;
      covered = end;
      return [gap(from, end, { reason: "edge" })];
    },
  };
}

function same(a: Mark | undefined, b: Mark | undefined): boolean {
  return a?.reason === b?.reason && a?.detail === b?.detail;
}

function part(data: TensorData, from: number, to: number): TensorData {
  return ArrayBuffer.isView(data) ? data.subarray(from, to) : data.slice(from, to);
}
