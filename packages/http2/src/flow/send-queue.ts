import type { Outbox } from "../frames/outbox.ts";

/** Bytes of a stream that wait for their turn, where they lie. */
export class SendQueue {
  private parts: Uint8Array[] = [];
  /** Of the first part, what has gone already. */
  private gone = 0;
  size = 0;

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.parts.push(bytes);
    this.size += bytes.length;
  }

  /** Moves the first `size` bytes into the outbox. */
  moveTo(outbox: Outbox, size: number): void {
    const { parts } = this;
    let left = size;
    let used = 0;
    while (left > 0) {
      const part = parts[used]!;
      const there = part.length - this.gone;
      if (there <= left) {
        outbox.bytes(this.gone === 0 ? part : part.subarray(this.gone));
        outbox.gone(part);
        left -= there;
        this.gone = 0;
        used++;
      } else {
        outbox.bytes(part.subarray(this.gone, this.gone + left));
        this.gone += left;
        left = 0;
      }
    }
    if (used === parts.length) this.parts = [];
    else if (used > 0) parts.splice(0, used);
    this.size -= size;
  }

  clear(): void {
    this.parts = [];
    this.gone = 0;
    this.size = 0;
  }
}
