import type { Quantity } from "@strainflow/series";
import type { Overflow } from "./block-queue.ts";
import type { Notice } from "./incoming-stream.ts";
import type { LiveSource } from "./live-source.ts";

/** How `receive` receives. */
export interface ReceiverOptions<Q extends Quantity> {
  /** `tcp://host:port`, `ipc://path`; when binding, port 0 takes a free one. */
  readonly endpoint: string;
  /** `sub` for what a `pub` sender gives to everybody, `pull` for a `push` sender that waits for its receiver. */
  readonly pattern: "sub" | "pull";
  /** Whether to bind rather than connect. Default false: the sender binds. */
  readonly bind?: boolean;
  /** Channels to keep, in this order, of every message; messages with none of them are ignored. Default: all. */
  readonly channels?: readonly string[];
  /** What the values are. Default "strain"; a message that says otherwise fails the source. */
  readonly quantity?: Q;
  /** Seconds of data that each source may hold until they are read. Default 64, the longest usual PSD. */
  readonly maxBuffered?: number;
  /**
   * What a full buffer does: `error` fails the source; `gap` gives what has no room away as a gap of reason `overflow`;
   * `wait` (pull only) stops receiving, so that in the end the sender's `send` waits. Default `wait` for pull, where nothing
   * is lost by it, and `error` for sub, where the loss would only move to the sender. While the reader of another source has
   * nothing to read, `wait` does not stop (it would for ever), and a buffer that is then full fails.
   */
  readonly overflow?: Overflow;
  /** Largest message taken; a larger one is lost, and the connection it came by is dropped and made anew. Default 256 MiB. */
  readonly maxMessageBytes?: number;
  /** Messages that ZeroMQ itself holds beside the buffers. Default 1000, its own. */
  readonly highWaterMark?: number;
  /**
   * How long nothing may come (not even the sender's marks, one a second) before a source ends: with a gap to the
   * end where the sender had announced one, else as it stands; `stats().ending` says `stalled`. Default: for ever.
   */
  readonly stallTimeoutMs?: number;
  /**
   * For data that come at the pace of the clock: how long after it was due (by the earliest that data of this source ever
   * came) a block is waited for, before its place is given away as a gap of reason `late`. Default: for ever.
   */
  readonly lateAfterMs?: number;
  /** Whether what was sent before the first message that came is a gap (default: then all sums are exact) or is left out. */
  readonly lateJoin?: "gap" | "skip";
  /** Is told what goes wrong, for logs. */
  readonly onNotice?: (notice: Notice) => void;
  /** Closes the receiver. */
  readonly signal?: AbortSignal;
}

/** A bound or connected socket, and the sources that have come through it. */
export interface Receiver<Q extends Quantity = Quantity> {
  readonly endpoint: string;
  /**
   * The next source that nobody has asked for yet, of these channels or of any; waits for its first message.
   *
   * @throws `zeromq-stalled` if none came within `stallTimeoutMs`; `zeromq-closed`
   */
  source(channels?: readonly string[]): Promise<LiveSource<Q>>;
  /** The sources that together bring `channels`: one, if they come in one message, or several to be aligned. */
  sources(channels: readonly string[]): Promise<LiveSource<Q>[]>;
  /** Messages that were not of this protocol, or whose header was damaged. */
  readonly foreignMessages: number;
  /** Closes the socket; sources give what they hold and end. */
  close(): Promise<void>;
}
