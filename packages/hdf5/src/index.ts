export { createHdf5Writer, type Hdf5WriterOptions } from "./create-hdf5-writer.ts";
export type { Hdf5Tag } from "./errors.ts";
export type { EventColumn, EventDatatype } from "./event-columns.ts";
export type { ChannelFacts, FileFacts, Layout, MaskFacts } from "./facts.ts";
export {
  type ChannelInspection,
  type Hdf5Inspection,
  type InspectHdf5Options,
  inspectHdf5,
} from "./inspect-hdf5.ts";
export { type EventTable, type EventTableOptions, openEventTable } from "./open-event-table.ts";
export { type Hdf5Source, type OpenHdf5Options, openHdf5 } from "./open-hdf5.ts";
export type { Isolation } from "./port-pool.ts";
export type { QualityBit } from "./quality.ts";
export { type EventRows, type WrittenEvent, writeEventTable } from "./write-event-table.ts";
export { writeSeriesHdf5 } from "./write-series-hdf5.ts";
