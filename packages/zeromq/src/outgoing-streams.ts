import { randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import { encodeBlock } from "@strainflow/arrow";
import { type Block, checkContinues, endOf } from "@strainflow/series";
import { encodeHeader, type MessageHeader } from "./header.ts";

/** A message's two frames. */
export type Frames = readonly [header: Uint8Array, payload: Uint8Array];

const NOTHING = new Uint8Array(0);

interface Outgoing {
  readonly streamId: bigint;
  readonly streamStart: number;
  streamEnd: number | undefined;
  sequence: number;
  last: Block;
  ended: boolean;
  /** Nothing was sent since the last round of marks. */
  idle: boolean;
}

/** Numbers what goes out: a stream per set of channels, each contiguous, with its own id and sequence. */
export interface OutgoingStreams {
  /**
   * The next message of the block's stream. After its end, the same channels begin a new stream.
   *
   * @throws `not-contiguous`; `arrow-unsupported` for a block with side tensors
   */
  data(block: Block, streamEnd: number | undefined): Frames;
  /** Marks for the streams that were silent since the last call; an ended stream repeats its end. */
  marks(): Frames[];
  /** Ends for the streams of `channels`, or for all. */
  ends(channels: readonly string[] | undefined): Frames[];
  readonly messages: number;
  readonly samples: number;
}

export function createOutgoingStreams(): OutgoingStreams {
  const streams = new Map<string, Outgoing>();
  let messages = 0;
  let samples = 0;

  const without = (kind: "mark" | "end", stream: Outgoing): Frames => {
    const { streamId, streamStart, streamEnd, sequence, last } = stream;
    const { sampleRate, channels } = last;
    const start = endOf(last);
    const fields = { kind, streamId, streamStart, sequence, start, size: 0, sampleRate, channels };
    const end = kind === "end" ? start : streamEnd;
    return [encodeHeader(withEnd({ ...fields, payloadSize: 0, payloadCrc: crc32(NOTHING) }, end)), NOTHING];
  };

  return {
    data: (block, streamEnd) => {
      const key = block.channels.join("\n");
      const known = streams.get(key);
      const stream: Outgoing =
        known === undefined || known.ended
          ? {
              streamId: newStreamId(),
              streamStart: block.start,
              streamEnd,
              sequence: 0,
              last: block,
              ended: false,
              idle: false,
            }
          : known;
      if (stream === known) checkContinues(`stream of ${block.channels.join(", ")}`, known.last, block);
      const payload = encodeBlock(block);
      stream.streamEnd = streamEnd ?? stream.streamEnd;
      const { streamId, streamStart, sequence } = stream;
      const { start, size, sampleRate, channels } = block;
      const fields = {
        kind: "data" as const,
        streamId,
        streamStart,
        sequence,
        start,
        size,
        sampleRate,
        channels,
      };
      const sums = { payloadSize: payload.length, payloadCrc: crc32(payload) };
      const header = encodeHeader(withEnd({ ...fields, ...sums }, stream.streamEnd));
      streams.set(key, stream);
      stream.last = block;
      stream.sequence++;
      stream.idle = false;
      messages++;
      samples += size;
      return [header, payload];
    },
    marks: () => {
      const silent = [...streams.values()].filter((stream) => stream.idle);
      for (const stream of streams.values()) stream.idle = true;
      return silent.map((stream) => without(stream.ended ? "end" : "mark", stream));
    },
    ends: (channels) => {
      const chosen = channels === undefined ? [...streams.values()] : [streams.get(channels.join("\n"))];
      return chosen.flatMap((stream) => {
        if (stream === undefined || stream.ended) return [];
        stream.ended = true;
        stream.idle = false;
        return [without("end", stream)];
      });
    },
    get messages() {
      return messages;
    },
    get samples() {
      return samples;
    },
  };
}

function withEnd(header: MessageHeader, streamEnd: number | undefined): MessageHeader {
  return streamEnd === undefined ? header : { ...header, streamEnd };
}

function newStreamId(): bigint {
  return randomBytes(8).readBigUInt64LE();
}
