import type { Datatype } from "@strainflow/series";

/** A tensor as it travels: row-major little-endian bytes. */
export interface RawTensor {
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
  /** The bytes are alone in their ArrayBuffer and nobody else will look at them: it may move to another thread. */
  readonly movable: boolean;
  /** An output that lies in shared memory: there are no bytes of it here. */
  readonly elsewhere?: boolean;
}

export type RawTensors = ReadonlyMap<string, RawTensor>;

/** The bytes in an ArrayBuffer of their own, aligned for any element type; without a copy where that may be. */
export function ownBuffer(tensor: RawTensor): ArrayBuffer {
  const { data } = tensor;
  if (tensor.movable && data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength)
    return data.buffer;
  const buffer = new ArrayBuffer(data.byteLength);
  new Uint8Array(buffer).set(data);
  return buffer;
}
