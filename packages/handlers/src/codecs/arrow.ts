import { decodeTable, encodeTable, type Table } from "@strainflow/arrow";
import type { Codec } from "../codec.ts";

/** Tables as Arrow IPC streams: `pyarrow.ipc.new_stream` writes them, `pyarrow.ipc.open_stream` reads them. In JSON as base64. */
export const arrow: Codec<Table> = {
  name: "arrow",
  contentType: "application/vnd.apache.arrow.stream",
  encode: encodeTable,
  decode: (bytes) => decodeTable(bytes),
};
