export { type ArrowWriterOptions, createArrowWriter } from "./arrow-writer.ts";
export type { ArrowLimits } from "./limits.ts";
export { type DecodeOptions, decodeBlock, encodeBlock } from "./message-codec.ts";
export { type ArrowReaderOptions, openArrow } from "./open-arrow.ts";
