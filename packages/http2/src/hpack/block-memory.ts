import type { Header } from "../headers.ts";
import type { HpackDecoder } from "./decoder.ts";

/** Longer blocks are not kept, in bytes: those that come again and again refer to tables, and are short. */
const MOST_KEPT = 1024;

/**
 * Remembers the last header block that left the table as it was: as long as nothing changes the table, the same bytes mean
 * the same. One who asks again and again for the same says the same, and gets the same array.
 */
export class BlockMemory {
  private readonly decoder: HpackDecoder;
  private block: Buffer = Buffer.alloc(0);
  private headers: readonly Header[] | undefined;
  private changes = 0;

  constructor(decoder: HpackDecoder) {
    this.decoder = decoder;
  }

  /** As the decoder's own. @throws `http2-protocol` */
  decode(block: Uint8Array): readonly Header[] | undefined {
    const { decoder } = this;
    if (this.headers !== undefined && this.changes === decoder.changes && this.block.equals(block))
      return this.headers;
    const before = decoder.changes;
    const headers = decoder.decode(block);
    if (decoder.changes !== before || block.length > MOST_KEPT) this.headers = undefined;
    else {
      this.block = Buffer.from(block);
      this.headers = headers;
      this.changes = before;
    }
    return headers;
  }
}
