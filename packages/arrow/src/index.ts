export { type ArrowWriterOptions, createArrowWriter } from "./arrow-writer.ts";
export { decodeTable } from "./decode-table.ts";
export { encodeTable } from "./encode-table.ts";
export type { ArrowLimits } from "./limits.ts";
export { type DecodeOptions, decodeBlock, encodeBlock } from "./message-codec.ts";
export { type ArrowReaderOptions, openArrow } from "./open-arrow.ts";
export type { ColumnArrays, ColumnType, Table, TableColumn } from "./table.ts";
