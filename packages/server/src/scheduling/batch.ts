import { Refusal } from "../refusal.ts";
import { cutTensor } from "../tensors/cut-tensor.ts";
import type { RawTensor, RawTensors } from "../tensors/raw-tensor.ts";
import { batchInputs, countOf, type RaggedPlan } from "./ragged-batch.ts";
import type { Outcome } from "./scheduler.ts";

/** Requests of one key may share a batch: all but their ragged inputs have the same shapes behind the first dimension. */
export function batchKey(inputs: RawTensors, plan: RaggedPlan | undefined): string {
  const parts = [...inputs].map(([name, { shape }]) =>
    plan?.ragged.has(name) ? name : `${name}:${shape.slice(1).join(",")}`,
  );
  return parts.sort().join(";");
}

/** Requests of one key, one behind the other along the first dimension, and what their batch is told of them. */
export function joinBatch(requests: readonly RawTensors[], plan?: RaggedPlan): RawTensors {
  const joined = new Map<string, RawTensor>();
  for (const [name, first] of requests[0] ?? []) {
    const parts = requests.map((request) => request.get(name) ?? first);
    const data = new Uint8Array(parts.reduce((sum, part) => sum + part.data.byteLength, 0));
    let at = 0;
    let size = 0;
    const ragged = plan?.ragged.has(name) === true;
    for (const part of parts) {
      data.set(part.data, at);
      at += part.data.byteLength;
      size += ragged ? countOf(part.shape) : (part.shape[0] ?? 0);
    }
    const shape = ragged ? [size] : [size, ...first.shape.slice(1)];
    joined.set(name, { datatype: first.datatype, shape, data, movable: true });
  }
  if (plan !== undefined) for (const [name, tensor] of batchInputs(plan, requests)) joined.set(name, tensor);
  return joined;
}

/** A request in a batch: its elements along the first dimension, and what it brought. */
export interface BatchMember {
  readonly size: number;
  readonly inputs: RawTensors;
}

/** Each request's part of a batch's outputs, as views; a model whose outputs do not follow the batch fails them all. */
export function splitBatch(
  outputs: RawTensors,
  members: readonly BatchMember[],
  plan?: RaggedPlan,
): readonly Outcome[] {
  const parts = members.map(() => new Map<string, RawTensor>());
  for (const [name, tensor] of outputs) {
    const source = plan?.scattered.get(name);
    const shapes = members.map(({ size, inputs }) =>
      source === undefined ? [size, ...tensor.shape.slice(1)] : (inputs.get(source)?.shape ?? []),
    );
    const counts = members.map(({ size }, at) => (source === undefined ? size : countOf(shapes[at] ?? [])));
    const total = counts.reduce((sum, count) => sum + count, 0);
    if (tensor.shape[0] !== total || (source !== undefined && tensor.shape.length !== 1)) {
      const refusal = new Refusal("INTERNAL", misfit(name, tensor.shape, total, source));
      return members.map(() => refusal);
    }
    cutTensor(tensor, counts).forEach((data, at) => {
      parts[at]?.set(name, { datatype: tensor.datatype, shape: shapes[at] ?? [], data, movable: false });
    });
  }
  return parts;
}

function misfit(name: string, shape: readonly number[], total: number, source: string | undefined): string {
  return source === undefined
    ? `output '${name}' came back as [${shape}] for a batch of ${total}; a model with max_batch_size keeps the batch in its first dimension`
    : `output '${name}' came back as [${shape}]; it is to hold the ${total} elements of the requests' '${source}' in one dimension`;
}
