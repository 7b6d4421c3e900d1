import type { RawTensor, RawTensors } from "./raw-tensor.ts";
import { Refusal } from "./refusal.ts";
import type { Outcome } from "./scheduler.ts";

/** Requests of the same names and shapes, one behind the other along the first dimension. */
export function joinBatch(requests: readonly RawTensors[]): RawTensors {
  const joined = new Map<string, RawTensor>();
  for (const [name, first] of requests[0] ?? []) {
    const parts = requests.map((request) => request.get(name) ?? first);
    const data = new Uint8Array(parts.reduce((sum, part) => sum + part.data.byteLength, 0));
    let at = 0;
    let size = 0;
    for (const part of parts) {
      data.set(part.data, at);
      at += part.data.byteLength;
      size += part.shape[0] ?? 0;
    }
    joined.set(name, {
      datatype: first.datatype,
      shape: [size, ...first.shape.slice(1)],
      data,
      movable: true,
    });
  }
  return joined;
}

/** Each request's part of a batch's outputs, as views; a model whose outputs do not follow the batch fails them all. */
export function splitBatch(outputs: RawTensors, sizes: readonly number[]): readonly Outcome[] {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  for (const [name, { shape }] of outputs)
    if (shape[0] !== total) {
      const refusal = new Refusal(
        "INTERNAL",
        `output '${name}' came back as [${shape}] for a batch of ${total}; a model with max_batch_size keeps the batch in its first dimension`,
      );
      return sizes.map(() => refusal);
    }
  let before = 0;
  return sizes.map((size) => {
    const part = new Map<string, RawTensor>();
    for (const [name, { datatype, shape, data }] of outputs) {
      const stride = data.byteLength / total;
      const view = data.subarray(before * stride, (before + size) * stride);
      part.set(name, { datatype, shape: [size, ...shape.slice(1)], data: view, movable: false });
    }
    before += size;
    return part;
  });
}
