import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createArrowWriter } from "@strainflow/arrow";
import { writeReport } from "@strainflow/dashboard";
import { writeSeriesHdf5 } from "@strainflow/hdf5";
import type { RunRecord, SearchDetection } from "@strainflow/search";
import { nsToSeconds, StrainflowError, type TimeSeries } from "@strainflow/series";
import { parquetWriteBuffer } from "hyparquet-writer";
import { type ReportFacts, reportOfRun } from "./report-of-run.ts";

/** One detection as a JSON object: `gpsNs` is authoritative, `gpsTime` is for reading. */
export function detectionRecord(detection: SearchDetection): Record<string, unknown> {
  return {
    type: "detection",
    gpsNs: detection.gpsNs.toString(),
    gpsTime: Math.round(nsToSeconds(detection.gpsNs) * 1e6) / 1e6,
    statistic: detection.statistic,
    snr: detection.snr,
    peakNs: Object.fromEntries(Object.entries(detection.peakNs).map(([ifo, ns]) => [ifo, ns.toString()])),
    phase: detection.phase,
    template: detection.template,
    mass1: detection.masses.mass1,
    mass2: detection.masses.mass2,
    inputStartNs: detection.inputSpan.startNs.toString(),
    inputEndNs: detection.inputSpan.endNs.toString(),
  };
}

export interface ResultOptions {
  readonly out: string;
  readonly series: "none" | "hdf5" | "arrow";
  readonly report: ReportFacts;
  readonly summary: Readonly<Record<string, unknown>>;
}

/** Paths of what was written. */
export interface ResultPaths {
  readonly triggersParquet: string;
  readonly triggersJson: string;
  readonly report: string;
  readonly series?: string;
}

/**
 * Writes a run's results into a folder that is there: triggers as Parquet and JSON, the output series, the report page.
 * Each file gets its name only when it is complete.
 *
 * @throws `output-unwritable`
 */
export async function writeResults(run: RunRecord, options: ResultOptions): Promise<ResultPaths> {
  const { out } = options;
  try {
    // Of an earlier run: beside this run's results it would pass for one of them.
    for (const name of ["snr.hdf5", "snr.arrow"]) await rm(join(out, name), { force: true });
    const paths = {
      triggersParquet: join(out, "triggers.parquet"),
      triggersJson: join(out, "triggers.json"),
      report: join(out, "report.html"),
    };
    await complete(paths.triggersParquet, new Uint8Array(triggersParquet(run, options.report.settings.ifos)));
    const json = { ...options.summary, detections: run.detections.map(detectionRecord) };
    await complete(paths.triggersJson, `${JSON.stringify(json, undefined, 2)}\n`);
    await writeReport(paths.report, reportOfRun(run, options.report));
    if (options.series === "none") return paths;
    const series = join(out, options.series === "hdf5" ? "snr.hdf5" : "snr.arrow");
    await writeSeries(series, options.series, seriesOf(run));
    return { ...paths, series };
  } catch (cause) {
    throw new StrainflowError(
      "output-unwritable",
      `${out}: results cannot be written (${cause instanceof Error ? cause.message : String(cause)}); choose another folder with --out`,
      { cause, details: { path: out } },
    );
  }
}

async function complete(path: string, contents: string | Uint8Array): Promise<void> {
  await writeFile(`${path}.part`, contents);
  await rename(`${path}.part`, path);
}

function triggersParquet(run: RunRecord, ifos: readonly string[]): ArrayBuffer {
  const { detections } = run;
  return parquetWriteBuffer({
    columnData: [
      { name: "gps_ns", data: BigInt64Array.from(detections, (d) => d.gpsNs), type: "INT64" },
      { name: "gps_time", data: Float64Array.from(detections, (d) => nsToSeconds(d.gpsNs)), type: "DOUBLE" },
      { name: "statistic", data: Float64Array.from(detections, (d) => d.statistic), type: "DOUBLE" },
      { name: "template", data: Int32Array.from(detections, (d) => d.template), type: "INT32" },
      { name: "mass1", data: Float64Array.from(detections, (d) => d.masses.mass1), type: "DOUBLE" },
      { name: "mass2", data: Float64Array.from(detections, (d) => d.masses.mass2), type: "DOUBLE" },
      ...ifos.flatMap((ifo) => [
        {
          name: `snr_${ifo}`,
          data: detections.map((d) => d.snr[ifo] ?? null),
          type: "DOUBLE" as const,
          nullable: true,
        },
        {
          name: `peak_ns_${ifo}`,
          data: detections.map((d) => d.peakNs[ifo] ?? null),
          type: "INT64" as const,
          nullable: true,
        },
        {
          name: `phase_${ifo}`,
          data: detections.map((d) => d.phase[ifo] ?? null),
          type: "DOUBLE" as const,
          nullable: true,
        },
      ]),
    ],
    kvMetadata: [
      { key: "strainflow", value: "triggers; times in GPS ns, masses in solar masses in the detector frame" },
    ],
  });
}

/** The output series, one channel per detector and the network's, as one stretch; NaN where there is no value. */
function seriesOf(run: RunRecord): TimeSeries<"score"> | undefined {
  const lines = [["network", run.network] as const, ...Object.entries(run.snr)].filter(
    ([, line]) => line.values.length > 0,
  );
  const [first] = lines;
  if (first === undefined) return undefined;
  const start = Math.min(...lines.map(([, line]) => line.start));
  const end = Math.max(...lines.map(([, line]) => line.start + line.values.length));
  return {
    kind: "series",
    quantity: "score",
    start,
    size: end - start,
    sampleRate: first[1].sampleRate,
    channels: lines.map(([name]) => name),
    data: lines.map(([, line]) => {
      const whole = new Float32Array(end - start).fill(Number.NaN);
      whole.set(line.values, line.start - start);
      return whole;
    }),
  };
}

async function writeSeries(
  path: string,
  format: "hdf5" | "arrow",
  series: TimeSeries<"score"> | undefined,
): Promise<void> {
  if (series === undefined) return;
  if (format === "hdf5") return writeSeriesHdf5(path, [series]);
  const writer = createArrowWriter<"score">(path);
  await writer.write(series);
  await writer.close();
}
