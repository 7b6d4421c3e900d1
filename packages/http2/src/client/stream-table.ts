import { TrailingStreams } from "../flow/trailing-streams.ts";
import { LARGEST_STREAM_ID } from "../protocol.ts";
import type { OpenStream } from "./client-stream.ts";

/** The streams of one connection, by their ids. */
export class StreamTable {
  private readonly open = new Map<number, OpenStream>();
  private readonly unbegun = new Set<OpenStream>();
  private readonly trailing = new TrailingStreams();
  private nextId = 1;
  /** How many the other side allows at once. */
  limit: number = Number.POSITIVE_INFINITY;

  get isEmpty(): boolean {
    return this.open.size === 0 && this.unbegun.size === 0;
  }

  /** Whether there are ids left. */
  get isSpent(): boolean {
    return this.nextId > LARGEST_STREAM_ID;
  }

  all(): OpenStream[] {
    return [...this.open.values(), ...this.unbegun];
  }

  begun(): IterableIterator<OpenStream> {
    return this.open.values();
  }

  get(id: number): OpenStream | undefined {
    return this.open.get(id);
  }

  add(stream: OpenStream): void {
    this.unbegun.add(stream);
  }

  /** The next stream that may begin, with its id. */
  next(): OpenStream | undefined {
    if (this.unbegun.size === 0 || this.open.size >= this.limit || this.isSpent) return undefined;
    for (const stream of this.unbegun) {
      this.unbegun.delete(stream);
      stream.id = this.nextId;
      this.nextId += 2;
      this.open.set(stream.id, stream);
      return stream;
    }
    return undefined;
  }

  remove(stream: OpenStream): void {
    if (stream.id === 0) this.unbegun.delete(stream);
    else this.open.delete(stream.id);
  }

  /** This side has reset it: what still comes of it is no fault of the other's. */
  noteReset(id: number): void {
    this.trailing.note(id);
  }

  /** Whether frames of that stream, which is not open, may still come. */
  mayTrail(id: number): boolean {
    return this.trailing.has(id);
  }

  /** Whether there has been such a stream yet. */
  isIdle(id: number): boolean {
    return id % 2 === 0 || id >= this.nextId;
  }

  /** Fails those that the other side will not look at, and all that have not begun. */
  refuseAfter(lastId: number): readonly OpenStream[] {
    const refused = this.all().filter(({ id }) => id === 0 || id > lastId);
    for (const stream of refused) {
      this.remove(stream);
      const reason = stream.isBegun ? "lost" : "refused";
      stream.fail({ reason, message: "the peer goes away, and has not looked at it" });
    }
    return refused;
  }
}
