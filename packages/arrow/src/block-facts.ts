import type { Block, TimeSeries } from "@strainflow/series";
import { unsupported } from "./errors.ts";
import type { SampleType } from "./strain-schema.ts";

/** The type of each channel's samples; float64 for all where there are none to look at. */
export function sampleTypesOf(series: TimeSeries | undefined, channelCount: number): SampleType[] {
  return Array.from({ length: channelCount }, (_, i) =>
    series?.data[i] instanceof Float32Array ? "float32" : "float64",
  );
}

/** Refuses what the schema has no place for, rather than dropping it in silence. */
export function checkWritable(block: Block): void {
  if (block.kind === "series" && block.side !== undefined)
    throw unsupported(
      `a block carries side tensors (${Object.keys(block.side).join(", ")}), which the strain schema has no column for; ` +
        "write the stream before the step that attaches them",
    );
  if (block.channels.includes("time"))
    throw unsupported("a channel cannot be called time; it is the time column");
}
