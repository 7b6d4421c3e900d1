import type { Socket } from "node:net";

/*
 * What passes between two processes of a server: frames of a length, a kind, a number and a body.
 *
 *   4 bytes  how many follow
 *   1 byte   kind
 *   4 bytes  number: of the request, or of the stream
 *   …        body
 */

const HEAD = 9;

export const kinds = {
  /** A request for `ModelInfer`, or of a stream; 4 bytes of the stream's number (0: none), then the message. */
  unary: 1,
  streamed: 2,
  /** Nobody waits for the answer any more. */
  abandon: 3,
  /** The stream of this number was lost, or ended in order. */
  lost: 4,
  ended: 5,
  /** A response that others follow. */
  more: 6,
  /** The answer: 4 bytes of length, the request's own id, and the response. */
  answer: 7,
  /** The same without a response: there was nothing to say. */
  silence: 8,
  /** The same with a refusal, as JSON. */
  refusal: 9,
} as const;

export interface Frame {
  readonly kind: number;
  readonly number: number;
  readonly body: Buffer;
}

/** Sends one; `parts` are its body. */
export function sendFrame(
  socket: Socket,
  kind: number,
  number: number,
  ...parts: readonly Uint8Array[]
): void {
  const head = Buffer.allocUnsafe(HEAD);
  const size = parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
  head.writeUInt32BE(size + HEAD - 4, 0);
  head.writeUInt8(kind, 4);
  head.writeUInt32BE(number, 5);
  socket.cork();
  socket.write(head);
  for (const part of parts) if (part.byteLength > 0) socket.write(part);
  process.nextTick(() => socket.uncork());
}

/** Cuts what comes in into frames. */
export function readFrames(socket: Socket, take: (frame: Frame) => void): void {
  let chunks: Buffer[] = [];
  let size = 0;
  let needed = HEAD;
  socket.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size < needed) return;
    const all = chunks.length === 1 ? chunk : Buffer.concat(chunks, size);
    let at = 0;
    needed = HEAD;
    while (all.byteLength - at >= HEAD) {
      const whole = 4 + all.readUInt32BE(at);
      if (all.byteLength - at < whole) {
        needed = whole;
        break;
      }
      take({
        kind: all.readUInt8(at + 4),
        number: all.readUInt32BE(at + 5),
        body: all.subarray(at + HEAD, at + whole),
      });
      at += whole;
    }
    size = all.byteLength - at;
    chunks = size === 0 ? [] : [all.subarray(at)];
  });
}

/** An id and what follows it. */
export function withId(id: string): Buffer {
  const bytes = Buffer.from(id);
  const head = Buffer.allocUnsafe(4 + bytes.byteLength);
  head.writeUInt32BE(bytes.byteLength, 0);
  head.set(bytes, 4);
  return head;
}

export function splitId(body: Buffer): readonly [id: string, rest: Buffer] {
  const end = 4 + body.readUInt32BE(0);
  return [body.toString("utf8", 4, end), body.subarray(end)];
}
