import { isStrainflowError } from "@strainflow/series";
import { tableFromIPC } from "apache-arrow";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeTable } from "./decode-table.ts";
import { encodeTable } from "./encode-table.ts";
import type { Table, TableColumn } from "./table.ts";

const columnOf = (rows: number): fc.Arbitrary<TableColumn> => {
  const size = { minLength: rows, maxLength: rows };
  const values = fc.oneof<fc.Arbitrary<TableColumn>[]>(
    fc.int8Array(size).map((values) => ({ type: "int8", values })),
    fc.uint16Array(size).map((values) => ({ type: "uint16", values })),
    fc.int32Array(size).map((values) => ({ type: "int32", values })),
    fc.float32Array(size).map((values) => ({ type: "float32", values })),
    fc.float64Array(size).map((values) => ({ type: "float64", values })),
    fc.bigInt64Array(size).map((values) => ({ type: "int64", values })),
    fc
      .array(fc.integer({ min: 0, max: 1 }), size)
      .map((bits) => ({ type: "bool", values: Uint8Array.from(bits) })),
    fc.array(fc.string({ unit: "grapheme" }), size).map((values) => ({ type: "utf8", values })),
    fc.array(fc.uint8Array({ maxLength: 9 }), size).map((values) => ({ type: "binary", values })),
  );
  const valid = fc.option(fc.array(fc.integer({ min: 0, max: 1 }), size), { nil: undefined });
  return fc
    .tuple(values, valid)
    .map(([column, bits]) => (bits?.includes(0) ? { ...column, valid: Uint8Array.from(bits) } : column));
};

const anyTable: fc.Arbitrary<Table> = fc
  .integer({ min: 0, max: 20 })
  .chain((rows) =>
    fc
      .array(columnOf(rows), { minLength: 1, maxLength: 5 })
      .map((columns) => ({ rows, columns: new Map(columns.map((column, i) => [`c${i}`, column])) })),
  );

describe("tables", () => {
  test("come back as they went", () => {
    fc.assert(
      fc.property(anyTable, (table) => {
        expect(decodeTable(encodeTable(table))).toEqual(table);
      }),
    );
  });

  test("are read by apache-arrow, null for null", () => {
    fc.assert(
      fc.property(anyTable, (table) => {
        const read = tableFromIPC(encodeTable(table));
        expect(read.numRows).toBe(table.rows);
        for (const [name, { type, values, valid }] of table.columns)
          expect([...(read.getChild(name) ?? [])]).toEqual(
            Array.from(values as ArrayLike<unknown>, (value, row) =>
              valid?.[row] === 0 ? null : type === "bool" ? value === 1 : value,
            ),
          );
      }),
    );
  });

  test("of any bytes are a table or an error of ours", () => {
    const change = fc.record({ at: fc.nat(), value: fc.integer({ min: 0, max: 255 }) });
    fc.assert(
      fc.property(anyTable, fc.array(change, { minLength: 1, maxLength: 5 }), (table, changes) => {
        const bytes = encodeTable(table);
        for (const { at, value } of changes) bytes[at % bytes.length] = value;
        try {
          const read = decodeTable(bytes);
          for (const { values } of read.columns.values()) expect(values.length).toBe(read.rows);
        } catch (error) {
          if (!isStrainflowError(error)) throw error;
        }
      }),
      { numRuns: 3000 },
    );
  });

  test("that are not as they say are not written", () => {
    const values = new Float32Array(2);
    expect(() => encodeTable({ rows: 3, columns: new Map([["x", { type: "float32", values }]]) })).toThrow(
      "column x",
    );
  });
});
