/** Streams whose reset is remembered. */
const MAX_RESET = 1024;

/** Streams that this side has reset: what was under way of them still comes, and is no fault of the other side's. */
export class TrailingStreams {
  private readonly reset = new Set<number>();
  /** Up to it, what was reset is no longer known. */
  private forgotten = 0;

  note(id: number): void {
    this.reset.add(id);
    if (this.reset.size <= MAX_RESET) return;
    for (const oldest of this.reset) {
      this.reset.delete(oldest);
      this.forgotten = Math.max(this.forgotten, oldest);
      return;
    }
  }

  /** Whether frames of that stream, which is not open, may still come. */
  has(id: number): boolean {
    return this.reset.has(id) || (id % 2 === 1 && id <= this.forgotten);
  }
}
