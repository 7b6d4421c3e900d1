import { gpsToUtc, type SampleArray } from "@strainflow/series";
import type { File, Group } from "h5wasm/node";
import { createAppender } from "./appender.ts";
import { createOutputFile } from "./output-file.ts";
import type { Output, OutputFormat } from "./series-output.ts";

/**
 * GWOSC's layout, one detector.
 *
 * It counts whole seconds, so a stream that begins or ends within one is filled up with NaN. Bit 0 (`DATA`) of the DQ
 * mask is set for the seconds in which every sample is there. There is no injection mask: nothing is known of injections,
 * and a mask of zeros would say that there were some.
 */
export async function createGwoscOutput(path: string, format: OutputFormat): Promise<Output> {
  const { sampleRate, start, chunkSize, compression } = format;
  const ifo = format.channels[0] ?? "";
  const output = await createOutputFile(path);
  output.edit((file) => {
    for (const group of ["meta", "strain", "quality"]) file.create_group(group);
    groupAt(file, "quality").create_group("simple");
  });
  const strain = createAppender(output, {
    group: "strain",
    name: "Strain",
    empty: new Float64Array(0),
    chunkSize,
    compression,
  });
  const quality = createAppender(output, {
    group: "quality/simple",
    name: "DQmask",
    empty: new Uint32Array(0),
    chunkSize: 4096,
    compression,
  });
  const firstSecond = Math.floor(start / sampleRate);
  const second = { filled: 0, complete: true };

  function append(samples: SampleArray): void {
    strain.append(samples instanceof Float64Array ? samples : Float64Array.from(samples));
    for (let at = 0; at < samples.length; ) {
      const end = Math.min(samples.length, at + sampleRate - second.filled);
      for (let i = at; i < end; i++) if (Number.isNaN(samples[i])) second.complete = false;
      second.filled += end - at;
      at = end;
      if (second.filled < sampleRate) return;
      quality.append(Uint32Array.of(second.complete ? 1 : 0));
      second.filled = 0;
      second.complete = true;
    }
  }

  const nothing = (size: number): Float64Array => new Float64Array(size).fill(Number.NaN);
  if (start > firstSecond * sampleRate) append(nothing(start - firstSecond * sampleRate));

  return {
    append: (data) => append(data[0]!),
    async finish() {
      if (second.filled > 0) append(nothing(sampleRate - second.filled));
      const size = strain.finish();
      const seconds = quality.finish();
      output.edit((file) => describe(file, { ifo, firstSecond, size, seconds, sampleRate }));
      await output.finish();
    },
    discard: () => output.discard(),
  };
}

interface Facts {
  readonly ifo: string;
  readonly firstSecond: number;
  readonly size: number;
  readonly seconds: number;
  readonly sampleRate: number;
}

/** The attributes and the `meta` group; names, types and wording as in GWOSC's own files. */
function describe(file: File, { ifo, firstSecond, size, seconds, sampleRate }: Facts): void {
  const gps = whole(firstSecond);
  for (const [path, label, count, spacing] of [
    ["strain/Strain", "Strain", size, 1 / sampleRate],
    ["quality/simple/DQmask", "DQmask", seconds, 1],
  ] as const) {
    const dataset = file.get(path);
    if (dataset === null || !("create_attribute" in dataset)) throw new Error(`there is no dataset ${path}`);
    dataset.create_attribute("Npoints", whole(count), [], "<q");
    dataset.create_attribute("Xstart", gps, [], "<q");
    dataset.create_attribute("Xspacing", spacing, null, "<d");
    dataset.create_attribute("Xunits", "second");
    dataset.create_attribute("Xlabel", "GPS time");
    dataset.create_attribute("Ylabel", label);
    if (label === "Strain") dataset.create_attribute("Yunits", "");
    else dataset.create_attribute("Bits", whole(1), [], "<q");
  }
  const simple = groupAt(file, "quality/simple");
  simple.create_dataset({ name: "DQShortnames", data: ["DATA"], dtype: "S4" });
  simple.create_dataset({ name: "DQDescriptions", data: ["data present"], dtype: "S12" });
  const meta = groupAt(file, "meta");
  for (const [name, value] of [
    ["Detector", ifo],
    ["Observatory", ifo.slice(0, 1)],
    ["Type", "StrainTimeSeries"],
    ["Description", "Strain data time series"],
    ["UTCstart", gpsToUtc(firstSecond).toISOString().slice(0, 19)],
  ] as const)
    meta.create_dataset({ name, data: value });
  meta.create_dataset({ name: "GPSstart", data: gps, shape: [], dtype: "<q" });
  meta.create_dataset({ name: "Duration", data: whole(seconds), shape: [], dtype: "<q" });
}

/** An int64 scalar's one element. */
function whole(value: number): BigInt64Array {
  return BigInt64Array.of(BigInt(value));
}

function groupAt(file: File, path: string): Group {
  const group = file.get(path);
  if (group !== null && "create_dataset" in group) return group;
  throw new Error(`there is no group ${path}`);
}
