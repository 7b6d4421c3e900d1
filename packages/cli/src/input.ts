import { openArrow } from "@strainflow/arrow";
import { openHdf5 } from "@strainflow/hdf5";
import { fromReader } from "@strainflow/operators";
import { type Block, indexToNs, type Reader, StrainflowError } from "@strainflow/series";
import type { Observable } from "rxjs";
import type { FileSettings } from "./settings-file.ts";
import { formatGps } from "./units.ts";

/** Strain to search, wherever it comes from. */
export interface StrainInput {
  /** Blocks of single detectors, interleaved. */
  readonly strain: Observable<Block<"strain">>;
  readonly ifos: readonly string[];
  /** What is known before the first block; live streams know little. */
  readonly sampleRate?: number;
  /** Hz of each detector. */
  readonly rates?: Readonly<Record<string, number>>;
  readonly startNs?: bigint;
  readonly endNs?: bigint;
  /** For people: `H1 L1 4096 Hz, GPS 1126259446 + 32 s`. */
  readonly description: string;
  /** Name and size of each input, for the report. */
  readonly sources: readonly (readonly [string, string])[];
  /** Samples used, lost and late, where the input is a live stream. */
  readonly stats?: () => Readonly<Record<string, unknown>>;
  close(): Promise<void>;
}

/**
 * Opens files.
 *
 * @param paths strain files or globs
 * @throws the readers' errors; `usage` if kinds are mixed
 */
export async function openInput(
  paths: readonly string[],
  settings: FileSettings,
  signal: AbortSignal,
): Promise<StrainInput> {
  const [first] = paths;
  if (first === undefined)
    throw new StrainflowError(
      "usage",
      "no input: name strain files (HDF5 or Arrow), or --from zmq://host:port",
    );
  const arrow = paths.filter((path) => /\.(arrow|arrows|ipc)$/.test(path));
  if (arrow.length > 0 && arrow.length < paths.length)
    throw new StrainflowError(
      "usage",
      `Arrow and HDF5 files cannot be mixed in one run: ${paths.join(", ")}`,
    );
  return arrow.length > 0 ? openArrowFiles(paths, settings) : openHdf5Files(paths, settings, signal);
}

async function openHdf5Files(
  paths: readonly string[],
  settings: FileSettings,
  signal: AbortSignal,
): Promise<StrainInput> {
  const source = await openHdf5(paths, {
    ...(settings.ifos === undefined ? {} : { channels: settings.ifos }),
    ...(settings.gpsStart === undefined ? {} : { gpsStart: settings.gpsStart }),
    ...(settings.gpsEnd === undefined ? {} : { gpsEnd: settings.gpsEnd }),
    ...(settings.requireQuality === undefined ? {} : { requireQuality: settings.requireQuality }),
    ...(settings.damaged === undefined ? {} : { damaged: settings.damaged }),
    signal,
  });
  return {
    ...described([...source.readers.values()]),
    sources: source.files.map((file) => [file.path, file.layout] as const),
    close: async () => undefined,
  };
}

async function openArrowFiles(paths: readonly string[], settings: FileSettings): Promise<StrainInput> {
  const reader = await openArrow(paths, settings.ifos === undefined ? {} : { channels: settings.ifos });
  return {
    ...described([reader]),
    sources: paths.map((path) => [path, "Arrow"] as const),
    close: async () => undefined,
  };
}

function described(
  readers: readonly Reader<"strain">[],
): Pick<StrainInput, "strain" | "ifos" | "sampleRate" | "rates" | "startNs" | "endNs" | "description"> {
  const ifos = readers.flatMap((reader) => reader.format.channels);
  const starts = readers.map((reader) => indexToNs(reader.start, reader.format.sampleRate));
  const ends = readers.flatMap((reader) =>
    reader.end === undefined ? [] : [indexToNs(reader.end, reader.format.sampleRate)],
  );
  const startNs = starts.reduce((a, b) => (b < a ? b : a));
  const endNs = ends.length < readers.length ? undefined : ends.reduce((a, b) => (b > a ? b : a));
  const rates = readers.flatMap(({ format }) =>
    format.channels.map((ifo) => [ifo, format.sampleRate] as const),
  );
  const alike = rates.every(([, rate]) => rate === rates[0]![1]);
  const names = alike
    ? `${ifos.join(" ")} ${rates[0]![1]} Hz`
    : rates.map(([ifo, rate]) => `${ifo} ${rate} Hz`).join(", ");
  const length = endNs === undefined ? "" : ` + ${trim(Number(endNs - startNs) / 1e9)} s`;
  return {
    strain: fromReader(readers),
    ifos,
    sampleRate: rates[0]![1],
    rates: Object.fromEntries(rates),
    startNs,
    ...(endNs === undefined ? {} : { endNs }),
    description: `${names}, GPS ${formatGps(startNs)}${length}`,
  };
}

function trim(seconds: number): string {
  return seconds.toFixed(3).replace(/\.?0+$/, "");
}
