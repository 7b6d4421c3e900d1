import { protocolFault } from "../errors.ts";

/** How many there may be at once, and as many as come in the long run. In units of cost. */
export interface BudgetLimits {
  readonly atOnce: number;
  readonly perMs: number;
  /** What comes without an end. */
  readonly what: string;
}

/*
 * Frames that carry nothing cost the one who sends them next to nothing: so there may be many at once, and as many as any
 * peer of good will sends in the long run, but not more. (Some answer each message with a PING, to measure the way.)
 */
const CARRYING_NOTHING: BudgetLimits = {
  atOnce: 100_000,
  perMs: 100,
  what: "frames that carry nothing",
};

/** Limits what costs the one who sends it less than the one who gets it. */
export class FrameBudget {
  private readonly limits: BudgetLimits;
  private left: number;
  private filledAt: number = performance.now();

  constructor(limits: BudgetLimits = CARRYING_NOTHING) {
    this.limits = limits;
    this.left = limits.atOnce;
  }

  /** @throws `http2-protocol` */
  spend(cost: number): void {
    this.left -= cost;
    if (this.left >= 0) return;
    const { atOnce, perMs, what } = this.limits;
    const now = performance.now();
    this.left = Math.min(atOnce, this.left + (now - this.filledAt) * perMs);
    this.filledAt = now;
    if (this.left < 0) throw protocolFault("ENHANCE_YOUR_CALM", `${what} come without an end`);
  }
}
