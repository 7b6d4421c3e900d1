import { describe, expect, it } from "vitest";
import { createCoincidence, type SingleTrigger } from "./index.ts";

const trigger = (channel: string, index: number, statistic = 5, template?: number): SingleTrigger => ({
  kind: "event",
  channel,
  index,
  sampleRate: 1000,
  statistic,
  ...(template === undefined ? {} : { template }),
});

/** 10 ms of light and 2 ms of pad between H1 and L1, 27 + 2 and 26 + 2 to V1. */
const options = {
  ifos: ["H1", "L1", "V1"],
  sampleRate: 1000,
  lightTravelTime: { "H1-L1": 0.01, "V1-H1": 0.027, "L1-V1": 0.026 },
};

function pairs(triggers: readonly SingleTrigger[], step = createCoincidence(options)): string[] {
  return triggers.flatMap((one) =>
    step
      .push(one)
      .map(
        ({ triggers: [a, b], delaySize }) => `${a.channel}@${a.index} ${b.channel}@${b.index} ${delaySize}`,
      ),
  );
}

describe("createCoincidence", () => {
  it("pairs triggers up to light-travel time and pad apart, in either order", () => {
    expect(pairs([trigger("H1", 100), trigger("L1", 112)])).toEqual(["H1@100 L1@112 12"]);
    expect(pairs([trigger("L1", 100), trigger("H1", 112)])).toEqual(["H1@112 L1@100 -12"]);
    expect(pairs([trigger("H1", 100), trigger("L1", 113)])).toEqual([]);
    expect(pairs([trigger("H1", 100), trigger("V1", 129)])).toEqual(["H1@100 V1@129 29"]);
    expect(pairs([trigger("H1", 100), trigger("H1", 101)])).toEqual([]);
  });

  it("gives three pairs for a signal in three detectors", () => {
    expect(pairs([trigger("L1", 100), trigger("H1", 107), trigger("V1", 125)])).toEqual([
      "H1@107 L1@100 -7",
      "L1@100 V1@125 25",
      "H1@107 V1@125 18",
    ]);
  });

  it("adds the statistics in quadrature, and keeps templates apart", () => {
    const step = createCoincidence(options);
    step.push(trigger("H1", 0, 3, 7));
    expect(step.push(trigger("L1", 1, 4, 7)).map((pair) => pair.statistic)).toEqual([5]);
    expect(step.push(trigger("V1", 2, 4, 8))).toEqual([]);
  });

  it("goes on from a saved state", () => {
    const first = createCoincidence(options);
    first.push(trigger("H1", 100));
    const second = createCoincidence(options);
    second.restore(structuredClone(first.save()));
    expect(pairs([trigger("L1", 110)], second)).toEqual(["H1@100 L1@110 10"]);
    first.flush();
    expect(pairs([trigger("L1", 110)], first)).toEqual([]);
  });

  it("says what it cannot take", () => {
    expect(() => createCoincidence({ ...options, ifos: ["H1"] })).toThrow(/ifos is H1/);
    expect(() => createCoincidence({ ...options, ifos: ["H1", "K1"] })).toThrow(
      /lightTravelTime\["H1-K1"\] is undefined/,
    );
    expect(() => createCoincidence({ ...options, coincidencePad: -1 })).toThrow(/coincidencePad is -1/);
    const step = createCoincidence(options);
    step.push(trigger("H1", 100));
    expect(() => step.push(trigger("L1", 99))).toThrow(/came after one at 100/);
    expect(() => step.push(trigger("G1", 101))).toThrow(/a trigger of G1/);
  });
});
