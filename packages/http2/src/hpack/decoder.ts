import { protocolFault } from "../errors.ts";
import type { Header } from "../headers.ts";
import { createDynamicTable, ENTRY_OVERHEAD } from "./dynamic-table.ts";
import { huffmanDecoded } from "./huffman.ts";
import { STATIC_TABLE } from "./static-table.ts";

/** Reads the header blocks of one connection, each of which may refer to those before it. */
export interface HpackDecoder {
  /** How often the table was changed. */
  readonly changes: number;
  /**
   * The fields of a block; nothing where they are more than the limit, while the table stays right for the next block.
   *
   * @throws `http2-protocol`
   */
  decode(block: Uint8Array): readonly Header[] | undefined;
}

/**
 * @param tableSize bytes of table that were promised to the other side
 * @param maxListSize bytes of one block's fields, each with HPACK's 32 over it
 */
export function createHpackDecoder(tableSize: number, maxListSize: number): HpackDecoder {
  const table = createDynamicTable(tableSize);
  let bytes: Uint8Array = new Uint8Array(0);
  let at = 0;
  let changes = 0;

  function integer(prefixBits: number): number {
    const mask = 2 ** prefixBits - 1;
    let value = bytes[at++]! & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined) throw protocolFault("COMPRESSION_ERROR", "a number ends with the block");
      value += (byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw protocolFault("COMPRESSION_ERROR", "a number is too large");
  }

  function string(): string {
    if (at >= bytes.length) throw protocolFault("COMPRESSION_ERROR", "a text is missing at the block's end");
    const isHuffman = bytes[at]! >= 128;
    const size = integer(7);
    const end = at + size;
    if (end > bytes.length) throw protocolFault("COMPRESSION_ERROR", "a text ends with the block");
    const coded = bytes.subarray(at, end);
    at = end;
    return isHuffman
      ? huffmanDecoded(coded)
      : Buffer.from(coded.buffer, coded.byteOffset, coded.length).toString("latin1");
  }

  function indexed(index: number): Header {
    const header = index < STATIC_TABLE.length ? STATIC_TABLE[index] : table.at(index - STATIC_TABLE.length);
    if (index === 0 || header === undefined)
      throw protocolFault("COMPRESSION_ERROR", `there is no field of index ${index}`);
    return header;
  }

  function literal(prefixBits: number): Header {
    const index = integer(prefixBits);
    const name = index === 0 ? string() : indexed(index)[0];
    return [name, string()];
  }

  return {
    get changes() {
      return changes;
    },
    decode(block) {
      bytes = block;
      at = 0;
      const headers: Header[] = [];
      let size = 0;
      let begun = false;
      while (at < bytes.length) {
        const first = bytes[at]!;
        let header: Header;
        if (first >= 128) header = indexed(integer(7));
        else if (first >= 64) {
          header = literal(6);
          table.add(header);
          changes++;
        } else if (first >= 32) {
          const limit = integer(5);
          if (begun || limit > tableSize)
            throw protocolFault("COMPRESSION_ERROR", `a table of ${limit} bytes, here, is not allowed`);
          table.resize(limit);
          changes++;
          continue;
        } else header = literal(4);
        begun = true;
        size += header[0].length + header[1].length + ENTRY_OVERHEAD;
        if (size <= maxListSize) headers.push(header);
      }
      return size <= maxListSize ? headers : undefined;
    },
  };
}
