import { crc32 } from "node:zlib";
import { type ArrowLimits, decodeBlock } from "@strainflow/arrow";
import {
  type Block,
  endOf,
  type GapReason,
  isStrainflowError,
  type Quantity,
  StrainflowError,
  sliceBlock,
} from "@strainflow/series";
import type { MessageHeader } from "./header.ts";

/** What went wrong, as it was noticed; for logs. The stream itself carries the same as gaps. */
export interface Notice {
  readonly kind:
    | "late-join"
    | "lost"
    | "damaged"
    | "restarted"
    | "late"
    | "duplicate"
    | "stalled"
    | "overflow"
    | "disconnected"
    | "foreign";
  readonly message: string;
}

/** What came of the messages of one source; samples are counted in {@link LiveStats}. */
export interface MessageCounts {
  /** Data messages taken. */
  messages: number;
  /** Data messages that never came, known from the sequence numbers. */
  lostMessages: number;
  /** Data messages whose CRC or contents were wrong. */
  damagedMessages: number;
  /** Data messages that came again, or from a stream that another had replaced. */
  duplicateMessages: number;
  /** Samples that came after their place had been given away as a gap. */
  lateArrivals: number;
  /** How often a sender began a new stream without having ended the old one. */
  restarts: number;
}

export interface IncomingOptions<Q extends Quantity> {
  readonly channels: readonly string[];
  readonly quantity: Q;
  readonly lateJoin: "gap" | "skip";
  readonly limits: ArrowLimits;
  readonly notice: (notice: Notice) => void;
}

/** Turns the messages of one source into contiguous blocks. No sockets and no clock. */
export interface IncomingStream<Q extends Quantity> {
  /** First sample of what is given out. */
  readonly start: number;
  /** Just past what was given out so far. */
  readonly next: number;
  /** Just past the last sample, where the sender has said so. */
  readonly plannedEnd: number | undefined;
  readonly ended: boolean;
  readonly counts: Readonly<MessageCounts>;
  /** @throws `zeromq-format-changed` if rate or quantity are not those of the stream */
  take(header: MessageHeader, payload: Uint8Array): Block<Q>[];
  /** Gives `[next, end)` away as a gap. */
  giveUp(end: number, reason: GapReason, detail: string): Block<Q>[];
}

/** Streams that were replaced; remembered so that their stragglers are told from a new sender. */
const MAX_RETIRED = 1024;

export function createIncomingStream<Q extends Quantity>(
  first: MessageHeader,
  options: IncomingOptions<Q>,
): IncomingStream<Q> {
  const { channels, quantity, notice } = options;
  const { sampleRate } = first;
  const start = options.lateJoin === "gap" ? first.streamStart : first.start;
  const retired = new Set<bigint>();
  const counts: MessageCounts = {
    messages: 0,
    lostMessages: 0,
    damagedMessages: 0,
    duplicateMessages: 0,
    lateArrivals: 0,
    restarts: 0,
  };
  let { streamId, streamEnd: plannedEnd } = first;
  let next = start;
  let nextSequence = options.lateJoin === "gap" ? 0 : first.sequence;
  let ended = false;
  if (first.start > first.streamStart)
    notice({
      kind: "late-join",
      message: `joined ${name()} ${first.start - first.streamStart} samples (${first.sequence} messages) after its start`,
    });

  function name(): string {
    return channels.join(", ");
  }

  function giveUp(end: number, reason: GapReason, detail: string): Block<Q>[] {
    if (end <= next) return [];
    const gap: Block<Q> = {
      kind: "gap",
      quantity,
      sampleRate,
      channels,
      start: next,
      size: end - next,
      reason,
      detail,
    };
    next = end;
    return [gap];
  }

  /** Moves to the stream of `header`, whatever came before, and to the message itself. */
  function catchUp(header: MessageHeader): Block<Q>[] {
    const out: Block<Q>[] = [];
    if (header.streamId !== streamId) {
      retired.add(streamId);
      const [oldest] = retired;
      if (retired.size > MAX_RETIRED && oldest !== undefined) retired.delete(oldest);
      ({ streamId } = header);
      nextSequence = 0;
      counts.restarts++;
      const back = Math.max(0, next - header.streamStart);
      notice({
        kind: "restarted",
        message:
          `the sender of ${name()} began again at sample ${header.streamStart}` +
          (back > 0 ? `; ${back} samples before ${next} were given out already and will be dropped` : ""),
      });
      out.push(...giveUp(header.streamStart, "lost", "the sender stopped without an end and began again"));
    }
    plannedEnd = header.streamEnd;
    const missed = header.sequence - nextSequence;
    if (missed > 0) {
      counts.lostMessages += missed;
      notice({
        kind: "lost",
        message: `${missed} messages of ${name()} from number ${nextSequence} on did not come`,
      });
      out.push(...giveUp(header.start, "lost", `${missed} messages from number ${nextSequence} on`));
    } else out.push(...giveUp(header.start, "missing", "the sender left a hole between two messages"));
    nextSequence = Math.max(nextSequence, header.sequence);
    return out;
  }

  function take(header: MessageHeader, payload: Uint8Array): Block<Q>[] {
    if (retired.has(header.streamId)) return drop(header, "comes from a stream that was replaced");
    if (header.sampleRate !== sampleRate)
      throw new StrainflowError(
        "zeromq-format-changed",
        `${name()} changed from ${sampleRate} Hz to ${header.sampleRate} Hz; receive again to follow the new stream`,
      );
    if (header.streamId === streamId && (ended || header.sequence < nextSequence))
      return header.kind === "data" ? drop(header, "has come before") : [];
    const out = catchUp(header);
    if (header.kind === "end") ended = true;
    if (header.kind !== "data") return out;
    nextSequence = header.sequence + 1;
    counts.messages++;
    const end = header.start + header.size;
    const behind = Math.min(next, end) - header.start;
    if (behind > 0) {
      counts.lateArrivals += behind;
      notice({
        kind: "late",
        message: `message ${header.sequence} of ${name()} came ${behind} samples too late`,
      });
    }
    if (end <= next) return out;
    for (const block of contents(header, payload)) {
      if (endOf(block) <= next) continue;
      out.push(sliceBlock(block, Math.max(block.start, next), endOf(block)));
    }
    next = end;
    return out;
  }

  function drop(header: MessageHeader, why: string): Block<Q>[] {
    counts.duplicateMessages++;
    notice({ kind: "duplicate", message: `message ${header.sequence} of ${name()} ${why}; dropped` });
    return [];
  }

  /** The blocks of a message, covering exactly what its header says: values, or one gap in their place. */
  function contents(header: MessageHeader, payload: Uint8Array): Block<Q>[] {
    const damaged = (why: string): Block<Q>[] => {
      counts.damagedMessages++;
      const detail = `message ${header.sequence}: ${why}`;
      notice({ kind: "damaged", message: `${name()}, ${detail}` });
      const { start: from, size } = header;
      return [{ kind: "gap", quantity, sampleRate, channels, start: from, size, reason: "damaged", detail }];
    };
    if (payload.length !== header.payloadSize)
      return damaged(`${payload.length} bytes came of ${header.payloadSize}`);
    if (crc32(payload) !== header.payloadCrc) return damaged("its CRC is wrong");
    let blocks: Block[];
    try {
      blocks = decodeBlock(payload, { ...options.limits, channels });
    } catch (error) {
      if (!isStrainflowError(error)) throw error;
      return damaged(error.message);
    }
    const end = blocks.reduce<number>(
      (at, block) => (block.start === at ? endOf(block) : Number.NaN),
      header.start,
    );
    if (end !== header.start + header.size || blocks.some((block) => block.sampleRate !== sampleRate))
      return damaged("its samples are not those that its header announces");
    return blocks.map((block) => {
      if (block.quantity !== quantity)
        throw new StrainflowError(
          "zeromq-format-changed",
          `${name()} carries ${block.quantity}, not ${quantity}; receive it with \`quantity: "${block.quantity}"\``,
        );
      return block.kind === "gap" ? { ...block, quantity } : { ...block, quantity };
    });
  }

  return {
    start,
    get next() {
      return next;
    },
    get plannedEnd() {
      return plannedEnd;
    },
    get ended() {
      return ended;
    },
    counts,
    take,
    giveUp,
  };
}
