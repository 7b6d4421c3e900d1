import { DataType } from "@strainflow/proto";

/** Name of a data type in `config.pbtxt`: `TYPE_FP32`. */
export function typeName(type: DataType): string {
  return DataType[type] ?? `data type ${type}`;
}

export function showDims(dims: readonly (bigint | number)[]): string {
  return `[${dims.join(", ")}]`;
}

/** Whether two shapes can be of one tensor: sizes are equal, or one of them is −1, any. */
export function dimsAgree(a: readonly (bigint | number)[], b: readonly (bigint | number)[]): boolean {
  return (
    a.length === b.length &&
    a.every((size, i) => Number(size) === Number(b[i]) || Number(size) === -1 || Number(b[i]) === -1)
  );
}
