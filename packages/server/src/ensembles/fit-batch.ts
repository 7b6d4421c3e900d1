import type { Port } from "../models/model-spec.ts";
import type { RawTensor } from "../tensors/raw-tensor.ts";

/**
 * A tensor between a model that batches and one that does not: a batch dimension of one comes or goes, as in Triton.
 * What does not fit even so stays as it is, and is refused by who takes it.
 */
export function fitToModel(tensor: RawTensor, port: Port | undefined): RawTensor {
  if (port === undefined || tensor.shape.length === port.shape.length) return tensor;
  const { shape } = tensor;
  if (shape.length + 1 === port.shape.length) return { ...tensor, shape: [1, ...shape] };
  if (shape.length === port.shape.length + 1 && shape[0] === 1) return { ...tensor, shape: shape.slice(1) };
  return tensor;
}
