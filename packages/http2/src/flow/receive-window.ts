import { protocolFault } from "../errors.ts";

/** What the other side may still send. What has come is given back when it is half of all: seldom, and long before a stop. */
export class ReceiveWindow {
  private readonly size: number;
  private used = 0;

  constructor(size: number) {
    this.size = size;
  }

  /** @throws `http2-protocol` where more came than was allowed */
  take(bytes: number): void {
    this.used += bytes;
    if (this.used > this.size)
      throw protocolFault("FLOW_CONTROL_ERROR", `more than the ${this.size} bytes came that were allowed`);
  }

  /** Bytes to give back now; mostly 0. @param held of what came, bytes that nobody has taken yet */
  giveBack(held = 0): number {
    const bytes = this.used - held;
    if (bytes * 2 < this.size) return 0;
    this.used = held;
    return bytes;
  }
}
