import { openHdf5 } from "@strainflow/hdf5";
import { fromReader } from "@strainflow/operators";
import { type AframeEvent, aframeSearch } from "@strainflow/search";
import { type Block, convertIndex, nsToIndex, nsToSeconds, type StreamingModel } from "@strainflow/series";
import { lastValueFrom, toArray } from "rxjs";
import { expect } from "vitest";
import { type AframeRun, postprocessing, settings } from "./aframe-run.ts";

/** The recorded float32 chain and an independent one differ by 1.5e-5 at most; their authors suggest this. */
const TOLERANCE = 1e-4;

/** What a search of a recorded segment gave. */
export interface AframeOutcome {
  readonly raw: readonly Block<"score">[];
  readonly integrated: readonly Block<"score">[];
  readonly events: readonly AframeEvent[];
}

/** Searches the strain of a recorded run. */
export async function searchRun(run: AframeRun, model: StreamingModel): Promise<AframeOutcome> {
  const raw: Block<"score">[] = [];
  const integrated: Block<"score">[] = [];
  const source = await openHdf5(run.background);
  const events = await lastValueFrom(
    aframeSearch(fromReader(source.readers.values()), model, postprocessing, {
      raw: (block) => raw.push(block),
      integrated: (block) => integrated.push(block),
    }).pipe(toArray()),
  );
  return { raw, integrated, events };
}

/** Outputs, integrated series and events are those of the record: none more, none less, at the same times. */
export function expectAsRecorded(mine: AframeOutcome, run: AframeRun, model: StreamingModel): void {
  // Output i comes of stride i of the segment, and stands half a filter before it.
  const first =
    nsToIndex(run.startNs, run.rate) +
    run.offset -
    convertIndex(model.streaming.latency, settings.sampleRate, run.rate);

  const raw = valuesOf(mine.raw);
  expect(raw.start).toBe(first);
  expect(raw.values.length).toBe(run.raw.length - run.offset);
  const rawWorst = worst(raw.values, run.raw.subarray(run.offset));

  const integrated = valuesOf(mine.integrated);
  expect(integrated.start).toBe(first);
  expect(integrated.values.length).toBe(run.integrated.length);
  expect(integrated.values.length / run.rate).toBe(run.livetime);
  const integratedWorst = worst(integrated.values, run.integrated);

  expect(mine.events.length).toBe(run.times.length);
  const timeWorst = worst(
    mine.events.map((event) => nsToSeconds(event.gpsNs)),
    run.times,
  );
  const statisticWorst = worst(
    mine.events.map((event) => event.statistic),
    run.statistics,
  );
  expect(rawWorst).toBeLessThan(TOLERANCE);
  expect(integratedWorst).toBeLessThan(TOLERANCE);
  expect(timeWorst).toBeLessThan(5e-7);
  expect(statisticWorst).toBeLessThan(TOLERANCE);
}

/** The values of a series that has gaps at its ends only, and where they begin. */
export function valuesOf(blocks: readonly Block[]): { readonly start: number; readonly values: number[] } {
  const values: number[] = [];
  let start: number | undefined;
  for (const block of blocks) {
    if (block.kind === "gap") continue;
    start ??= block.start;
    expect(block.start).toBe(start + values.length);
    values.push(...block.data[0]!);
  }
  return { start: start ?? 0, values };
}

function worst(given: readonly number[], expected: ArrayLike<number>): number {
  return given.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
}
