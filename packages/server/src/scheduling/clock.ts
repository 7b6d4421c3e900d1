import { nowNs } from "./monotonic.ts";

/** The time, and a call at a later one: what a scheduler waits by. */
export interface SchedulingClock {
  nowNs(): number;
  /** Calls back at `atNs` or a little later. What comes back undoes it. */
  at(atNs: number, call: () => void): () => void;
}

/** Timers count in 31 bits: what lies further ahead is looked at again before. */
const MAX_DELAY_MS = 2 ** 31 - 1;

export const systemClock: SchedulingClock = {
  nowNs,
  at(atNs, call) {
    const ms = Math.max(0, Math.ceil((atNs - nowNs()) / 1e6));
    const timer = setTimeout(call, Math.min(ms, MAX_DELAY_MS));
    return () => clearTimeout(timer);
  },
};
