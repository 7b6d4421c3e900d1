/** From this size on, a piece is kept where it lies, unless it lies in far more. In bytes. */
const LARGE = 4096;

/** Small pieces are gathered in memory that doubles from the one size to the other. In bytes. */
const FIRST_GATHERED = 64;
const MOST_GATHERED = 16 * 1024;

/**
 * Bytes that are kept as they come. Small pieces are gathered: whoever sends byte by byte has us keep neither an object for
 * each, nor all that a read of the socket brought along with it.
 */
export class Pieces {
  size = 0;
  private parts: Buffer[] = [];
  private tail: Buffer = NOTHING;
  private tailSize = 0;

  /** The piece must not change later on: it may be kept where it lies. */
  add(piece: Buffer): void {
    this.size += piece.length;
    if (piece.length >= LARGE && 2 * piece.length >= piece.buffer.byteLength) {
      this.closeTail();
      this.parts.push(piece);
      return;
    }
    for (let at = 0; at < piece.length; ) {
      if (this.tailSize === this.tail.length) {
        const size = Math.max(
          FIRST_GATHERED,
          Math.min(MOST_GATHERED, 2 * this.tail.length),
          piece.length - at,
        );
        this.closeTail();
        this.tail = Buffer.allocUnsafe(size);
      }
      const copied = piece.copy(this.tail, this.tailSize, at);
      this.tailSize += copied;
      at += copied;
    }
  }

  /** All that was kept, in its order; and keeps nothing any more. */
  take(): readonly Buffer[] {
    this.closeTail();
    const { parts } = this;
    this.parts = [];
    this.size = 0;
    return parts;
  }

  private closeTail(): void {
    if (this.tailSize > 0) this.parts.push(this.tail.subarray(0, this.tailSize));
    this.tail = NOTHING;
    this.tailSize = 0;
  }
}

const NOTHING: Buffer = Buffer.alloc(0);
