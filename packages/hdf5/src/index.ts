export type { Hdf5Tag } from "./errors.ts";
export type { ChannelFacts, FileFacts, Layout, MaskFacts } from "./facts.ts";
export { type Hdf5Source, type OpenHdf5Options, openHdf5 } from "./open-hdf5.ts";
export type { Isolation } from "./port-pool.ts";
export type { QualityBit } from "./quality.ts";
