import { protocolFault } from "../errors.ts";
import { PREFACE } from "../protocol.ts";

const SAID: Buffer = Buffer.from(PREFACE, "latin1");

/** Takes what each client must say before its first frame. */
export class PrefaceReader {
  private at = 0;

  /** @returns what follows the preface; nothing where all of it belongs to it. @throws `http2-protocol` */
  take(chunk: Buffer): Buffer | undefined {
    if (this.at === SAID.length) return chunk;
    const size = Math.min(chunk.length, SAID.length - this.at);
    if (SAID.compare(chunk, 0, size, this.at, this.at + size) !== 0)
      throw protocolFault("PROTOCOL_ERROR", "it does not begin with HTTP/2's preface");
    this.at += size;
    return size === chunk.length ? undefined : chunk.subarray(size);
  }
}
