import type { Datatype } from "@strainflow/series";

/** Bytes of one element; 0 where elements differ in length. */
export const ELEMENT_SIZE: Readonly<Record<Datatype, number>> = {
  BOOL: 1,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FP16: 2,
  FP32: 4,
  FP64: 8,
  BF16: 2,
  BYTES: 0,
};

const NAMES: ReadonlySet<string> = new Set(Object.keys(ELEMENT_SIZE));

export function isDatatype(name: string): name is Datatype {
  return NAMES.has(name);
}

/** Numbers of elements are refused before they stop being whole numbers, so that no size check is fooled. */
export function elementCountOf(shape: readonly number[]): number | undefined {
  let count = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) return undefined;
    count *= size;
    if (!Number.isSafeInteger(count)) return undefined;
  }
  return count;
}
