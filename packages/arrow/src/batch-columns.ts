import { malformed, unsupported } from "./errors.ts";
import type { FlatTable } from "./flat-table.ts";
import type { ChannelColumn, StrainSchema } from "./strain-schema.ts";

/** A column's parts inside the body of a record batch, all checked to lie there and to fit each other. */
export interface ListColumn {
  /** `rows + 1` offsets, not descending, the last at most `count`. */
  readonly offsets: Int32Array;
  /** Bit per row, 1 for a list; absent where every row has one. */
  readonly rowValidity?: Uint8Array;
  /** Bit per value, 1 for a value; absent where all are. */
  readonly validity?: Uint8Array;
  /** Values of the column's type, as bytes. */
  readonly values: Uint8Array;
}

export interface BatchColumns {
  readonly rows: number;
  /** GPS nanoseconds. */
  readonly times: BigInt64Array;
  readonly lists: ReadonlyMap<ChannelColumn, ListColumn>;
}

/**
 * Lays the schema over the body of a record batch.
 *
 * Buffers must follow one another without overlap, as every writer lays them: so what is copied for alignment is never
 * more than the body.
 *
 * @throws `arrow-malformed`, `arrow-unsupported`
 */
export function readColumns(schema: StrainSchema, batch: FlatTable, body: Uint8Array): BatchColumns {
  if (batch.table(3) !== undefined)
    throw unsupported("compressed buffers are not read; write them uncompressed");
  const lists = schema.columns.length - 1;
  const nodes = batch.structs(1, 16, 1 + 2 * lists);
  const buffers = batch.structs(2, 16, 2 + 4 * lists);
  if (nodes.length !== 1 + 2 * lists || buffers.length !== 2 + 4 * lists)
    throw malformed(
      `a record batch of ${nodes.length} nodes and ${buffers.length} buffers for ${lists} channels`,
    );
  let end = 0;
  for (const [offset, length] of buffers) {
    if (length === 0) continue;
    if (offset! < end || offset! + length! > body.length)
      throw malformed(`a buffer of ${length} bytes at ${offset} of a body of ${body.length}`);
    end = offset! + length!;
  }
  const rows = batch.length(0);
  const cursor = { node: 0, buffer: 0 };
  const nextNode = (): { length: number; nulls: number } => {
    const [length, nulls] = nodes[cursor.node++]!;
    if (nulls! > length!) throw malformed(`${nulls} nulls among ${length} values`);
    return { length: length!, nulls: nulls! };
  };
  const nextBuffer = (atLeast: number, what: string): Uint8Array => {
    const [offset, length] = buffers[cursor.buffer++]!;
    if (length! < atLeast) throw malformed(`${what} need ${atLeast} bytes and have ${length}`);
    return length === 0 ? new Uint8Array(0) : body.subarray(offset!, offset! + length!);
  };
  const nextValidity = (node: { length: number; nulls: number }): Uint8Array | undefined => {
    const bits = nextBuffer(node.nulls > 0 ? Math.ceil(node.length / 8) : 0, "validity bits");
    return node.nulls > 0 ? bits : undefined;
  };

  let times: BigInt64Array | undefined;
  const found = new Map<ChannelColumn, ListColumn>();
  for (const column of schema.columns) {
    const outer = nextNode();
    if (outer.length !== rows) throw malformed(`a column of ${outer.length} rows in a batch of ${rows}`);
    const rowValidity = nextValidity(outer);
    if (column.kind === "time") {
      if (rowValidity !== undefined) throw malformed("a row without a time");
      const bytes = aligned(nextBuffer(8 * rows, "times"), 8);
      times = new BigInt64Array(bytes.buffer, bytes.byteOffset, rows);
      continue;
    }
    // A batch of no rows may leave its offsets out.
    const offsets = nextBuffer(rows === 0 ? 0 : 4 * (rows + 1), "offsets");
    const inner = nextNode();
    const validity = nextValidity(inner);
    const values = nextBuffer(column.itemSize * inner.length, `values of ${column.name}`);
    found.set(column, {
      offsets: readOffsets(offsets, rows, inner.length),
      ...(rowValidity === undefined ? {} : { rowValidity }),
      ...(validity === undefined ? {} : { validity }),
      values,
    });
  }
  if (times === undefined) throw malformed("there is no column `time: int64`");
  return { rows, times, lists: found };
}

function readOffsets(bytes: Uint8Array, rows: number, count: number): Int32Array {
  if (rows === 0) return new Int32Array(1);
  const whole = aligned(bytes, 4);
  const offsets = new Int32Array(whole.buffer, whole.byteOffset, rows + 1);
  let last = 0;
  for (const offset of offsets) {
    if (offset < last || offset > count)
      throw malformed(`list offsets out of order at ${offset} of ${count}`);
    last = offset;
  }
  return offsets;
}

/** The same bytes, copied only if they do not begin at a multiple of `itemSize` of their memory. */
export function aligned(bytes: Uint8Array, itemSize: number): Uint8Array {
  return bytes.byteOffset % itemSize === 0 ? bytes : bytes.slice();
}

/** Whether bit `index` is set; Arrow counts bits from the least significant. */
export function bitAt(bits: Uint8Array, index: number): boolean {
  return ((bits[index >> 3]! >> (index & 7)) & 1) === 1;
}
