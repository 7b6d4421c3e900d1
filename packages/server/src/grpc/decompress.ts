import { gunzip, inflate } from "node:zlib";
import type { CallStatus } from "./status.ts";

/** What requests may be compressed with; told to clients as `grpc-accept-encoding`. */
export const ENCODINGS = "identity,deflate,gzip";

/** zlib's word for outputs beyond the limit. */
const TOO_LARGE = "ERR_BUFFER_TOO_LARGE";

/**
 * Unpacks a message, off this thread, and no further than `maxSize` bytes (−1: any size).
 *
 * @param encoding `grpc-encoding` of the call
 * @param done told once, never from inside: the message, or the status that ends the call
 */
export function decompress(
  message: Buffer,
  encoding: string,
  maxSize: number,
  done: (outcome: Buffer | CallStatus) => void,
): void {
  const unpack = encoding === "gzip" ? gunzip : encoding === "deflate" ? inflate : undefined;
  if (unpack === undefined) {
    const status = {
      code: encoding === "identity" ? ("INTERNAL" as const) : ("UNIMPLEMENTED" as const),
      details:
        encoding === "identity"
          ? "Received a compressed message on a call without grpc-encoding"
          : `Received message compressed with unsupported encoding "${encoding}"`,
    };
    queueMicrotask(() => done(status));
    return;
  }
  const options = maxSize === -1 ? {} : { maxOutputLength: Math.max(1, maxSize) };
  unpack(message, options, (error: NodeJS.ErrnoException | null, unpacked) => {
    if (error === null) done(unpacked);
    else if (error.code === TOO_LARGE)
      done({
        code: "RESOURCE_EXHAUSTED",
        details: `Received message that decompresses to a size larger than ${maxSize}`,
      });
    else done({ code: "INTERNAL", details: "Failed to decompress message" });
  });
}
