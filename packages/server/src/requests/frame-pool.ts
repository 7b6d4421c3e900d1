/** Smaller frames lie in Node's own pool; larger ones are rare. In bytes. */
const LEAST = 4096;
const MOST = 4 * 2 ** 20;

/** Memory comes in multiples of this. */
const UNIT = 4096;

/** What is kept for later, at most. */
const KEPT = 16 * 2 ** 20;

/**
 * Memory for frames, used again once they have gone out. Fresh memory for each would be what the garbage collector does
 * most: it counts what lies outside of its heap, and marks the whole heap after a few hundred answers of 16 KiB.
 */
export class FramePool {
  /** By the number of units. */
  readonly #free = new Map<number, ArrayBuffer[]>();
  /** Frames that are never given back (of a call that was lost) are the collector's. */
  readonly #lent = new WeakSet<ArrayBufferLike>();
  #kept = 0;

  /** So many bytes, holding anything: all of them are to be written. */
  take(size: number): Buffer {
    if (size < LEAST || size > MOST) return Buffer.allocUnsafe(size);
    const units = Math.ceil(size / UNIT);
    let memory = this.#free.get(units)?.pop();
    if (memory === undefined) memory = new ArrayBuffer(units * UNIT);
    else this.#kept -= memory.byteLength;
    this.#lent.add(memory);
    return Buffer.from(memory, 0, size);
  }

  /** A frame has gone out, and nobody looks at it any more. Those from elsewhere are nobody's business. */
  giveBack(frame: Uint8Array): void {
    const memory = frame.buffer;
    if (!(memory instanceof ArrayBuffer) || !this.#lent.delete(memory)) return;
    const size = memory.byteLength;
    if (this.#kept + size > KEPT) return;
    this.#kept += size;
    const free = this.#free.get(size / UNIT);
    if (free === undefined) this.#free.set(size / UNIT, [memory]);
    else free.push(memory);
  }
}

/** The frames of this process. */
export const FRAMES: FramePool = new FramePool();
