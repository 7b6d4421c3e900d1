import { TrailingStreams } from "../flow/trailing-streams.ts";
import type { RequestStream } from "./server-stream.ts";

/** The streams of one connection, by their ids. */
export class RequestTable {
  readonly open: Map<number, RequestStream> = new Map();
  /** Reset by this side, or never looked at: their frames may still come. */
  readonly trailing: TrailingStreams = new TrailingStreams();
  /** The last stream that the client began. */
  lastId = 0;
  /** Streams behind it are not looked at. */
  lastServed: number = Number.POSITIVE_INFINITY;

  /** Whether there has been no such stream yet. */
  isIdle(id: number): boolean {
    return id % 2 === 0 || id > this.lastId;
  }

  /** Whether frames of that stream, which is not open, may still come. */
  mayTrail(id: number): boolean {
    return id > this.lastServed || this.trailing.has(id);
  }
}
