import { crc32 } from "node:zlib";
import { StrainflowError } from "@strainflow/series";

/*
 * The first frame of a message, little-endian; the second is the payload, a complete Arrow IPC stream (empty but for
 * data). A stream is contiguous, so `start` and `size` place each message on the clock, and with `streamStart` and the
 * sequence number they tell what is lost, also when the payload cannot be read.
 *
 *  0  "SFS1"          the 1 is the protocol's version; subscribers subscribe to these four bytes
 *  4  u8  kind        0 data, 1 mark (nothing new: so much was sent so far), 2 end (so much was sent in all)
 *  5  u8[3]           zero
 *  8  u64 stream id   random; a sender that starts again has a new one
 * 16  u64 sequence    number of this data message, from 0; of a mark or end: how many were sent
 * 24  i64 start       first sample, counted from the GPS epoch; of a mark or end: just past the last sample
 * 32  u64 size        samples; 0 for a mark or end
 * 40  i64 streamStart first sample of the stream
 * 48  i64 streamEnd   just past the last sample that will come; −1 if not known
 * 56  u32 sampleRate  Hz
 * 60  u32 payload bytes
 * 64  u32 CRC-32 of the payload
 * 68  u16 bytes of the channel names
 * 70  u16             zero
 * 72  channel names, UTF-8, joined by line feeds
 *  …  u32 CRC-32 of all the bytes before
 */

export const MAGIC = "SFS1";
const FIXED_SIZE = 72;
/** Far above what 1024 channel names need. */
export const MAX_HEADER_SIZE: number = FIXED_SIZE + 65_535 + 4;

const KINDS = ["data", "mark", "end"] as const;

export interface MessageHeader {
  readonly kind: (typeof KINDS)[number];
  readonly streamId: bigint;
  readonly sequence: number;
  readonly start: number;
  readonly size: number;
  readonly streamStart: number;
  readonly streamEnd?: number;
  readonly sampleRate: number;
  readonly channels: readonly string[];
  readonly payloadSize: number;
  readonly payloadCrc: number;
}

export function encodeHeader(header: MessageHeader): Uint8Array {
  const names = new TextEncoder().encode(header.channels.join("\n"));
  if (names.length > 65_535)
    throw new StrainflowError(
      "zeromq-too-large",
      `${header.channels.length} channel names do not fit a header`,
    );
  const bytes = new Uint8Array(FIXED_SIZE + names.length + 4);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(MAGIC));
  view.setUint8(4, KINDS.indexOf(header.kind));
  view.setBigUint64(8, header.streamId, true);
  view.setBigUint64(16, BigInt(header.sequence), true);
  view.setBigInt64(24, BigInt(header.start), true);
  view.setBigUint64(32, BigInt(header.size), true);
  view.setBigInt64(40, BigInt(header.streamStart), true);
  view.setBigInt64(48, BigInt(header.streamEnd ?? -1), true);
  view.setUint32(56, header.sampleRate, true);
  view.setUint32(60, header.payloadSize, true);
  view.setUint32(64, header.payloadCrc, true);
  view.setUint16(68, names.length, true);
  bytes.set(names, FIXED_SIZE);
  const end = FIXED_SIZE + names.length;
  view.setUint32(end, crc32(bytes.subarray(0, end)), true);
  return bytes;
}

/** The header, or nothing where the bytes are not one: another protocol, or damaged. */
export function decodeHeader(bytes: Uint8Array): MessageHeader | undefined {
  if (bytes.length < FIXED_SIZE + 4 || bytes.length > MAX_HEADER_SIZE) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (new TextDecoder("latin1").decode(bytes.subarray(0, 4)) !== MAGIC) return undefined;
  const end = FIXED_SIZE + view.getUint16(68, true);
  if (bytes.length !== end + 4 || view.getUint32(end, true) !== crc32(bytes.subarray(0, end)))
    return undefined;
  const kind = KINDS[view.getUint8(4)];
  const streamEnd = Number(view.getBigInt64(48, true));
  const header = {
    streamId: view.getBigUint64(8, true),
    sequence: Number(view.getBigUint64(16, true)),
    start: Number(view.getBigInt64(24, true)),
    size: Number(view.getBigUint64(32, true)),
    streamStart: Number(view.getBigInt64(40, true)),
    sampleRate: view.getUint32(56, true),
    payloadSize: view.getUint32(60, true),
    payloadCrc: view.getUint32(64, true),
    channels: new TextDecoder().decode(bytes.subarray(FIXED_SIZE, end)).split("\n"),
    ...(streamEnd < 0 ? {} : { streamEnd }),
  };
  // A sound CRC says that the bytes came as they were sent, not that the sender was sane.
  const sane =
    [header.sequence, header.start, header.start + header.size, header.streamStart, streamEnd].every(
      Number.isSafeInteger,
    ) &&
    header.streamStart <= header.start &&
    header.sampleRate >= 1 &&
    header.sampleRate <= 1_048_576 &&
    (kind === "data") === header.size > 0 &&
    header.channels.every((name) => name !== "") &&
    new Set(header.channels).size === header.channels.length;
  return kind === undefined || !sane ? undefined : { kind, ...header };
}
