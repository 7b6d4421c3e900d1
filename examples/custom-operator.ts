// An operator of one's own: the root-mean-square of strain over each second, as a step that any stream can go through.
import { fromReader, through } from "@strainflow/operators";
import type { Block, Step } from "@strainflow/series";
import { type Core, createCoverage } from "@strainflow/steps";
import { lastValueFrom, tap } from "rxjs";
import { simulated } from "./support.ts";

/** Arithmetic without a thought of gaps, on the absolute grid of whole seconds; `createCoverage` does the rest. */
function rootMeanSquare(sampleRate: number): Core {
  let sum = 0;
  let filled = 0;
  let second = 0;
  return {
    begin(start) {
      second = Math.ceil(start / sampleRate);
      filled = start - second * sampleRate;
      sum = 0;
    },
    push([samples], size) {
      const done = [];
      for (let i = 0; i < size; i++) {
        if (filled++ < 0) continue;
        sum += (samples?.[i] ?? 0) ** 2;
        if (filled < sampleRate) continue;
        done.push({ start: second++, data: [Float64Array.of(Math.sqrt(sum / sampleRate))] });
        sum = 0;
        filled = 0;
      }
      return done;
    },
    save: () => ({ sum, filled, second }),
    restore(state) {
      ({ sum, filled, second } = state as { sum: number; filled: number; second: number });
    },
  };
}

/** In: strain of one detector. Out: one value per second; a second that touches a gap is a gap. */
function createRms(sampleRate: number, channels: readonly string[]): Step<Block, Block<"rms">> {
  return createCoverage({
    where: "rms",
    core: rootMeanSquare(sampleRate),
    sampleRate,
    outputRate: 1,
    channels,
    quantity: "rms",
    back: 0,
    ahead: sampleRate - 1,
  });
}

const [h1] = simulated(32);
if (h1 === undefined) throw new Error("no detector");
await lastValueFrom(
  fromReader(h1).pipe(
    through(({ sampleRate, channels }) => createRms(sampleRate, channels)),
    tap((block) => {
      if (block.kind === "gap") console.log(`GPS ${block.start}  ${block.reason}`);
      else
        for (const [i, value] of (block.data[0] ?? []).entries())
          console.log(`GPS ${block.start + i}  ${value.toExponential(2)}`);
    }),
  ),
);
