import { existsSync } from "node:fs";
import { secondsToNs } from "@strainflow/series";
import h5wasm, { Dataset, File, Group } from "h5wasm/node";
import { shared } from "./shared.ts";

const folder = `${shared}/fixtures/aframe-run`;

/** Whether tests on the recorded run are to be skipped; where everything is required they run, and fail. */
export const withoutAframeRun: boolean =
  !existsSync(`${folder}/series.hdf5`) && process.env["STRAINFLOW_REQUIRE"] !== "all";

/** The run's settings, as its README gives them; lengths in seconds. */
export const settings = {
  network: `${folder}/network.onnx`,
  channels: ["H1", "L1"],
  sampleRate: 512,
  inferenceSamplingRate: 4,
  batchSize: 16,
  kernelLength: 1.5,
  fduration: 1,
  psdLength: 16,
  fftLength: 2,
  highpass: 32,
} as const;

export const postprocessing = {
  psdLength: 16,
  fduration: 1,
  integrationLength: 1,
  clusterLength: 8,
} as const;

/** One recorded run: a segment of strain at one slide. */
export interface AframeRun {
  /** Place of the segment's strain. */
  readonly background: string;
  /** GPS nanoseconds of the segment's first sample. */
  readonly startNs: bigint;
  readonly shifts: readonly number[];
  /** Outputs per second. */
  readonly rate: number;
  /** Network outputs that aframe dropped at the beginning. */
  readonly offset: number;
  /** All network outputs that aframe kept at the end, burn-in included. */
  readonly raw: Float32Array;
  /** Integrated, from `offset` on. */
  readonly integrated: Float64Array;
  /** GPS seconds of events. */
  readonly times: Float64Array;
  readonly statistics: Float64Array;
  /** Requests that aframe sent. */
  readonly requests: number;
  /** Seconds. */
  readonly livetime: number;
}

/** The run `NNN`. */
export async function readAframeRun(name: string): Promise<AframeRun> {
  await h5wasm.ready;
  const series = new File(`${folder}/series.hdf5`, "r");
  const events = new File(`${folder}/events.hdf5`, "r");
  try {
    const of = group(series, name);
    const found = group(events, `${name}/background`);
    const start = scalar(of, "segment_t0");
    const all = floats(of, "background/raw", Float32Array);
    return {
      background: `${folder}/background-${start}-${scalar(of, "segment_duration")}.hdf5`,
      startNs: secondsToNs(start),
      shifts: [...numbers(of.attrs["shifts"]?.value)],
      rate: settings.inferenceSamplingRate,
      offset: scalar(of, "offset"),
      raw: all.slice(0, all.length - scalar(of, "num_sliced")),
      integrated: floats(of, "background/integrated", Float64Array),
      times: floats(found, "detection_time", Float64Array),
      statistics: floats(found, "detection_statistic", Float64Array),
      requests: scalar(of, "num_requests"),
      livetime: scalar(found, "Tb"),
    };
  } finally {
    series.close();
    events.close();
  }
}

function group(file: File, path: string): Group {
  const found = file.get(path);
  if (!(found instanceof Group)) throw new Error(`no group ${path}`);
  return found;
}

function scalar(of: Group, name: string): number {
  const value = of.attrs[name]?.value;
  if (typeof value !== "number" && typeof value !== "bigint") throw new Error(`no number ${name}`);
  return Number(value);
}

function numbers(value: unknown): Float64Array {
  if (!(value instanceof Float64Array)) throw new Error("float64 was expected");
  return value;
}

function floats<A extends Float32Array | Float64Array>(
  of: Group,
  path: string,
  type: new (length: number) => A,
): A {
  const found = of.get(path);
  const value = found instanceof Dataset ? found.value : undefined;
  if (!(value instanceof type)) throw new Error(`${path} is no ${type.name}`);
  return value;
}
