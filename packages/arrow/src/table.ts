/** Types of columns that are read and written, and the arrays that hold their values. */
export interface ColumnArrays {
  int8: Int8Array;
  uint8: Uint8Array;
  int16: Int16Array;
  uint16: Uint16Array;
  int32: Int32Array;
  uint32: Uint32Array;
  int64: BigInt64Array;
  uint64: BigUint64Array;
  float32: Float32Array;
  float64: Float64Array;
  /** 0 or 1 each. */
  bool: Uint8Array;
  utf8: readonly string[];
  binary: readonly Uint8Array[];
}

export type ColumnType = keyof ColumnArrays;

/** A column of a table: a value per row. */
export type TableColumn = {
  [Type in ColumnType]: {
    readonly type: Type;
    readonly values: ColumnArrays[Type];
    /** 1 where there is a value, 0 where there is none (and `values` has anything). Absent where there are all. */
    readonly valid?: Uint8Array;
  };
}[ColumnType];

/** Columns of one length, by name. */
export interface Table {
  readonly rows: number;
  readonly columns: ReadonlyMap<string, TableColumn>;
}

export type NumericType = Exclude<ColumnType, "bool" | "utf8" | "binary">;

/** What makes an array of each type of a fixed number of bytes. */
export const NUMERIC: {
  readonly int8: Int8ArrayConstructor;
  readonly uint8: Uint8ArrayConstructor;
  readonly int16: Int16ArrayConstructor;
  readonly uint16: Uint16ArrayConstructor;
  readonly int32: Int32ArrayConstructor;
  readonly uint32: Uint32ArrayConstructor;
  readonly int64: BigInt64ArrayConstructor;
  readonly uint64: BigUint64ArrayConstructor;
  readonly float32: Float32ArrayConstructor;
  readonly float64: Float64ArrayConstructor;
} = {
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  float32: Float32Array,
  float64: Float64Array,
};

export function isNumericType(type: ColumnType): type is NumericType {
  return Object.hasOwn(NUMERIC, type);
}
