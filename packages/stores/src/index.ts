export type { ConnectionOptions } from "./bucket.ts";
export type { StoreErrorTag } from "./errors.ts";
export { type OpenStoreOptions, openStore } from "./open-store.ts";
export type { FileSummary, PutOptions, Store } from "./store.ts";
export { parseStoreUrl, type StoreAddress } from "./store-url.ts";
export {
  type FileTransfer,
  type ModelTransfer,
  type TransferOptions,
  transferModels,
} from "./transfer.ts";
