import { PREFIX_SIZE } from "./grpc-frames.ts";

/** Puts messages together from bytes in memory that is used again. */
export interface MessageReader {
  /** Undoes the compression of messages that say they are compressed. */
  decompress: ((message: Buffer) => Buffer) | undefined;
  /** `false` on a message that cannot be decompressed: what follows makes no sense. */
  push(bytes: Buffer): boolean;
  /** Whether a message has begun and not ended. */
  readonly isPartial: boolean;
}

/** Memory for more than this is taken as the message comes, not because a length has announced it. */
const TRUSTED_SIZE = 4 * 1024 * 1024;

/**
 * Each message is copied once, to where it ends at a multiple of eight: the last tensor of a response ends there too,
 * begins at one therefore, and can be given as a view.
 *
 * @param isLent messages are valid during the call only, and their memory is used again
 */
export function createMessageReader(
  onMessage: (message: Buffer) => void,
  isLent: boolean = false,
): MessageReader {
  const prefix = Buffer.allocUnsafe(PREFIX_SIZE);
  let prefixSize = 0;
  /** The message under way, of which `filled` bytes are there. */
  let target: Buffer | undefined;
  let filled = 0;
  let size = 0;
  let isCompressed = false;
  let decompress: MessageReader["decompress"];
  /** What the last message lay in, if it was lent. */
  let lent: Buffer = Buffer.alloc(0);

  /** Memory for the first `room` bytes of the message, which ends at a multiple of eight when it is whole. */
  function take(room: number): Buffer {
    const padding = (8 - (size % 8)) % 8;
    if (!isLent || size > TRUSTED_SIZE) {
      // Small ones share a pool, whose pieces begin at multiples of eight.
      const memory = Buffer.allocUnsafe(padding + room);
      return padding === 0 ? memory : memory.subarray(padding);
    }
    if (lent.length < padding + room) lent = Buffer.allocUnsafeSlow(padding + room);
    return lent.subarray(padding, padding + room);
  }

  /** `false` where the flag is none that can be read. */
  function begin(bytes: Buffer, at: number): boolean {
    const flag = bytes[at]!;
    isCompressed = flag === 1;
    if (flag !== 0 && (flag !== 1 || decompress === undefined)) return false;
    size = bytes[at + 1]! * 2 ** 24 + ((bytes[at + 2]! << 16) | (bytes[at + 3]! << 8) | bytes[at + 4]!);
    return true;
  }

  function give(message: Buffer): boolean {
    if (!isCompressed) {
      onMessage(message);
      return true;
    }
    let plain: Buffer;
    try {
      plain = decompress!(message);
    } catch {
      return false;
    }
    onMessage(plain);
    return true;
  }

  /** Adds to the message under way what there is of it. @returns where the rest begins */
  function fill(message: Buffer, bytes: Buffer, at: number): number {
    const to = Math.min(bytes.length, at + size - filled);
    if (filled + to - at > message.length) {
      const larger = take(Math.min(size, Math.max(filled + to - at, 2 * message.length)));
      message.copy(larger, 0, 0, filled);
      target = larger;
    }
    bytes.copy(target!, filled, at, to);
    filled += to - at;
    return to;
  }

  return {
    get decompress() {
      return decompress;
    },
    set decompress(next) {
      decompress = next;
    },
    push(bytes) {
      let at = 0;
      const end = bytes.length;
      while (at < end) {
        if (target === undefined) {
          if (prefixSize === 0 && end - at >= PREFIX_SIZE) {
            if (!begin(bytes, at)) return false;
            at += PREFIX_SIZE;
          } else {
            const copied = bytes.copy(prefix, prefixSize, at, at + PREFIX_SIZE - prefixSize);
            prefixSize += copied;
            at += copied;
            if (prefixSize < PREFIX_SIZE) return true;
            prefixSize = 0;
            if (!begin(prefix, 0)) return false;
          }
          filled = 0;
          target = take(Math.min(size, TRUSTED_SIZE));
        } else at = fill(target, bytes, at);
        if (filled === size) {
          const message = target;
          target = undefined;
          if (!give(message)) return false;
        }
      }
      return true;
    },
    get isPartial() {
      return target !== undefined || prefixSize > 0;
    },
  };
}
