import type { MovedTensor } from "../backends/worker-messages.ts";
import { ownBuffer, type RawTensor, type RawTensors } from "../tensors/raw-tensor.ts";

/** Tensors ready to leave for a compute thread. */
export function moveTensors(tensors: RawTensors): MovedTensor[] {
  const moved: MovedTensor[] = [];
  for (const [name, tensor] of tensors)
    moved.push({ name, datatype: tensor.datatype, shape: tensor.shape, buffer: ownBuffer(tensor) });
  return moved;
}

/** Tensors that came from a compute thread. */
export function takeTensors(moved: readonly MovedTensor[]): RawTensors {
  const tensors = new Map<string, RawTensor>();
  for (const { name, datatype, shape, buffer } of moved)
    tensors.set(name, { datatype, shape, data: new Uint8Array(buffer), movable: true });
  return tensors;
}
