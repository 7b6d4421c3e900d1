import type { Datatype } from "@strainflow/series";
import { hdf5Error } from "./errors.ts";
import type { InputColumn } from "./event-columns.ts";
import type { Numbers } from "./event-rows.ts";

/** Makes an array of a type of elements; none for those that are not numbers in a file. */
function arrayOf(datatype: Datatype, size: number): Numbers {
  switch (datatype) {
    case "INT8":
      return new Int8Array(size);
    case "UINT8":
      return new Uint8Array(size);
    case "INT16":
      return new Int16Array(size);
    case "UINT16":
      return new Uint16Array(size);
    case "INT32":
      return new Int32Array(size);
    case "UINT32":
      return new Uint32Array(size);
    case "INT64":
      return new BigInt64Array(size);
    case "UINT64":
      return new BigUint64Array(size);
    case "FP32":
      return new Float32Array(size);
    default:
      return new Float64Array(size);
  }
}

/**
 * The inputs that the rows of one event make: one array per part of the column, of its target type.
 *
 * @param values part by part in each row; not written to
 * @throws `hdf5-damaged` for a number that is not finite, unless those are kept; `hdf5-mismatch` for one that the target
 * type cannot hold
 */
export function toTarget(
  column: InputColumn,
  values: Numbers,
  keepNonFinite: boolean,
  path: string,
): Numbers[] {
  const { width, target, datatype, dataset, inputs } = column;
  const rows = values.length / width;
  const isFloat = datatype.startsWith("FP");
  const check = target !== datatype || (isFloat && !keepNonFinite);

  function checkValue(value: number | bigint): void {
    if (!keepNonFinite && !Number.isFinite(Number(value)))
      throw hdf5Error("hdf5-damaged", `${path}: ${dataset} has ${value} in this event`, { path, dataset });
    if (target !== datatype && !holds(target, value, isFloat))
      throw hdf5Error(
        "hdf5-mismatch",
        `${path}: ${dataset} has ${value} in this event, which is no ${target}; ask for another datatype`,
        { path, dataset },
      );
  }

  return inputs.map((_, part) => {
    const made = arrayOf(target, rows);
    for (let row = 0; row < rows; row++) {
      const value = values[row * width + part]!;
      if (check) checkValue(value);
      if (made instanceof BigInt64Array || made instanceof BigUint64Array) made[row] = BigInt(value);
      else made[row] = Number(value);
    }
    return made;
  });
}

/** Whether a type holds a number as it is; only floats may lose digits, to a narrower float. */
function holds(target: Datatype, value: number | bigint, isFloat: boolean): boolean {
  const number = Number(value);
  switch (target) {
    case "INT32":
      return number === (number | 0);
    case "INT64":
      return Number.isInteger(number) && BigInt.asIntN(64, BigInt(value)) === BigInt(value);
    case "FP32":
      if (isFloat) return Number.isFinite(Math.fround(number)) || !Number.isFinite(number);
      return Math.fround(number) === number && BigInt(number) === BigInt(value);
    case "FP64":
      return isFloat || BigInt(number) === BigInt(value);
    default:
      return true;
  }
}
