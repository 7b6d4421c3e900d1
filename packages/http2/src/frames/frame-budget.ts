import { protocolFault } from "../errors.ts";

/*
 * Frames that carry nothing cost the one who sends them next to nothing: so there may be many at once, and as many as any
 * server of good will sends in the long run, but not more. (Some answer each message with a PING, to measure the way.)
 * In units of cost.
 */
const AT_ONCE = 100_000;
const PER_MS = 100;

/** Limits the frames that carry nothing. */
export class FrameBudget {
  private left = AT_ONCE;
  private filledAt: number = performance.now();

  /** @throws `http2-protocol` */
  spend(cost: number): void {
    this.left -= cost;
    if (this.left >= 0) return;
    const now = performance.now();
    this.left = Math.min(AT_ONCE, this.left + (now - this.filledAt) * PER_MS);
    this.filledAt = now;
    if (this.left < 0)
      throw protocolFault("ENHANCE_YOUR_CALM", "frames that carry nothing come without an end");
  }
}
