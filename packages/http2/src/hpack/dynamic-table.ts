import type { Header } from "../headers.ts";

/** What HPACK counts for each entry beside its name and value. */
export const ENTRY_OVERHEAD = 32;

/** Fields that were sent before, the newest first, as many as fit. https://www.rfc-editor.org/rfc/rfc7541#section-2.3.2 */
export interface DynamicTable {
  readonly length: number;
  /** From 0, the newest, on. */
  at(index: number): Header | undefined;
  add(header: Header): void;
  /** Bytes, as HPACK counts them. */
  resize(limit: number): void;
}

export function createDynamicTable(initialLimit: number): DynamicTable {
  /** The oldest first: so that adding and leaving are at the ends. */
  let entries: Header[] = [];
  let oldest = 0;
  let size = 0;
  let limit = initialLimit;

  function shrinkTo(bytes: number): void {
    while (size > bytes) {
      const [name, value] = entries[oldest++]!;
      size -= name.length + value.length + ENTRY_OVERHEAD;
    }
    if (oldest > 64 && oldest * 2 > entries.length) {
      entries = entries.slice(oldest);
      oldest = 0;
    }
  }

  return {
    get length() {
      return entries.length - oldest;
    },
    at: (index) => (index < entries.length - oldest ? entries[entries.length - 1 - index] : undefined),
    add(header) {
      const added = header[0].length + header[1].length + ENTRY_OVERHEAD;
      // One that does not fit at all empties the table.
      shrinkTo(Math.max(0, limit - added));
      if (added > limit) return;
      entries.push(header);
      size += added;
    },
    resize(bytes) {
      limit = bytes;
      shrinkTo(bytes);
    },
  };
}
