import { createRandom } from "@strainflow/waveforms";
import type { Toxic } from "./toxiproxy.ts";

/** What can happen between client and server. */
export interface FaultKind {
  readonly name: string;
  /** What becomes of a stream: lost by a word of the network, lost by silence, or only later than else. */
  readonly ends: "by word" | "by silence" | "not";
  /** Drawn anew for each fault. */
  readonly toxics: (draw: (from: number, to: number) => number) => readonly Toxic[];
}

/** Milliseconds without an answer after which a stream counts as lost in these tests. */
export const WATCHDOG_MS = 1000;

const both = (type: string, attributes: Readonly<Record<string, number>>): readonly Toxic[] => [
  { type, stream: "upstream", attributes },
  { type, stream: "downstream", attributes },
];

export const FAULT_KINDS: readonly FaultKind[] = [
  // RST both ways.
  { name: "reset", ends: "by word", toxics: () => both("reset_peer", { timeout: 0 }) },
  // Nothing comes through, and nobody closes.
  { name: "black hole", ends: "by silence", toxics: () => both("timeout", { timeout: 0 }) },
  // Only answers come through; only requests do.
  { name: "deaf server", ends: "by silence", toxics: () => both("timeout", { timeout: 0 }).slice(0, 1) },
  { name: "mute server", ends: "by silence", toxics: () => both("timeout", { timeout: 0 }).slice(1) },
  // Cut within a message, of either direction.
  {
    name: "cut requests",
    ends: "by word",
    toxics: (draw) => [
      { type: "limit_data", stream: "upstream", attributes: { bytes: Math.floor(draw(1, 3000)) } },
    ],
  },
  {
    name: "cut answers",
    ends: "by word",
    toxics: (draw) => [
      { type: "limit_data", stream: "downstream", attributes: { bytes: Math.floor(draw(1, 3000)) } },
    ],
  },
  // The last bytes come, and the end of the connection long after them.
  {
    name: "slow close",
    ends: "by word",
    toxics: (draw) => [
      { type: "limit_data", stream: "downstream", attributes: { bytes: Math.floor(draw(1, 3000)) } },
      { type: "slow_close", stream: "downstream", attributes: { delay: Math.floor(draw(50, 500)) } },
    ],
  },
  // What was sent arrives after the stream has been given up.
  {
    name: "long delay",
    ends: "by silence",
    toxics: (draw) => [
      {
        type: "latency",
        stream: draw(0, 1) < 0.5 ? "upstream" : "downstream",
        attributes: { latency: Math.floor(draw(2, 3) * WATCHDOG_MS), jitter: 100 },
      },
    ],
  },
  {
    name: "delay",
    ends: "not",
    toxics: (draw) => both("latency", { latency: Math.floor(draw(5, 80)), jitter: 20 }),
  },
  {
    name: "narrow band",
    ends: "not",
    toxics: (draw) => both("bandwidth", { rate: Math.floor(draw(10, 60)) }),
  },
];

/** One fault of a plan. */
export interface PlannedFault {
  readonly number: number;
  readonly kind: FaultKind;
  readonly toxics: readonly Toxic[];
  /** It strikes when so many more samples of output have come, and so many ms later: also within a message. */
  readonly afterSamples: number;
  readonly afterMs: number;
  /** ms that it stays on: from the loss on where there is one, else from its beginning. */
  readonly lastsMs: number;
}

/** As many faults as are asked for, of all kinds in turn, the same for the same seed. */
export function planFaults(
  seed: string,
  count: number,
  updateSize: number,
  kinds: readonly FaultKind[] = FAULT_KINDS,
): readonly PlannedFault[] {
  const random = createRandom(`faults/${seed}`);
  const draw = (from: number, to: number): number => from + (to - from) * random.uniform();
  const order: FaultKind[] = [];
  return Array.from({ length: count }, (_, number) => {
    // All kinds, shuffled, and all again.
    if (order.length === 0) order.push(...kinds);
    const [kind] = order.splice(Math.floor(draw(0, order.length)), 1);
    const isLong = draw(0, 1) < 0.25;
    return {
      number,
      kind: kind!,
      toxics: kind!.toxics(draw),
      afterSamples: Math.floor(draw(1, 12 * updateSize)),
      afterMs: draw(0, 8),
      lastsMs: kind!.ends === "not" ? draw(100, 400) : isLong ? draw(200, 2 * WATCHDOG_MS) : draw(0, 60),
    };
  });
}
