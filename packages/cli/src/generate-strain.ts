import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as breathe } from "node:timers/promises";
import { createHdf5Writer } from "@strainflow/hdf5";
import { type Block, invalidOption, StrainflowError, type Writer } from "@strainflow/series";
import {
  type DrawnInjection,
  type DrawOptions,
  drawInjections,
  type PsdModel,
  psdModels,
  simulateStrain,
  waveformSize,
} from "@strainflow/waveforms";
import { injectionsJson } from "./injections-file.ts";
import { makeOutputFolder } from "./output-folder.ts";

/** A PSD, or the name of one: `advanced-ligo`, `advanced-virgo`, `kagra`, `initial-ligo`, `flat`. */
type PsdChoice = string | PsdModel;

export interface GenerateOptions {
  /** Folder; made if it is not there. */
  readonly out: string;
  readonly ifos: readonly string[];
  /** Hz. Default 4096, as most of GWOSC's files. */
  readonly sampleRate?: number;
  /** First GPS second, a whole one: the layout counts whole seconds. */
  readonly start: number;
  /** Seconds, a whole number. */
  readonly duration: number;
  /** One PSD for all detectors, or one for each by its prefix. Default `advanced-ligo`. */
  readonly psd?: PsdChoice | Readonly<Record<string, PsdChoice>>;
  /** Same seed, same data, however they are cut into files. */
  readonly seed: string | number;
  /** How many signals, or more of how they are drawn. Default none. */
  readonly injections?: number | InjectionChoice;
  /** Seconds per file, a whole number. Default 4096, as GWOSC's. */
  readonly fileLength?: number;
  /** Default `gzip`, which also gives each chunk a checksum. */
  readonly compression?: "gzip" | "none";
  readonly onProgress?: (progress: { readonly doneSeconds: number; readonly totalSeconds: number }) => void;
  /** Stops; files that are complete stay, the others are removed. */
  readonly signal?: AbortSignal;
}

/** How signals are drawn; `start` and `end` in GPS seconds, default those of the data. */
type InjectionChoice = Pick<DrawOptions, "count"> &
  Partial<Pick<DrawOptions, "start" | "end" | "snr" | "leastSnr" | "mass" | "maxSpin">>;

export interface GeneratedStrain {
  /** Paths, by detector and then by time. */
  readonly files: readonly string[];
  readonly injections: readonly DrawnInjection[];
  /** Path of `injections.json`. */
  readonly injectionsFile: string;
}

/** Hz from which on signals are complete. */
const LOW_FREQUENCY = 20;

/** Seconds made at a time: only the signals that touch them are held. */
const SECTION = 128;

/**
 * Writes simulated strain: coloured Gaussian noise, and signals in it, in GWOSC's layout, one file per detector and
 * `fileLength`, with the signals' list beside them. Memory does not grow with the duration.
 *
 * @throws `invalid-option`, `unknown-detector`, `hdf5-write-failed`, `output-unwritable`; `aborted` if the signal stopped it
 */
export async function generateStrain(options: GenerateOptions): Promise<GeneratedStrain> {
  const { out, ifos, start, duration, seed, sampleRate = 4096, fileLength = 4096 } = options;
  wholeSeconds("start", start, 0);
  wholeSeconds("duration", duration, 1);
  wholeSeconds("fileLength", fileLength, 1);
  const end = start + duration;
  const psd = chosenPsd(options.psd ?? "advanced-ligo", ifos);
  const { injections: asked = 0 } = options;
  const choice = typeof asked === "number" ? { count: asked } : asked;
  const injections =
    choice.count === 0
      ? []
      : drawInjections({ start, end, ...choice, seed, ifos, psd, sampleRate, lowFrequency: LOW_FREQUENCY });
  const injectionsFile = join(out, "injections.json");
  await makeOutputFolder(out);
  await writable(injectionsFile, async () => {
    const facts = { ifos, sampleRate, start, duration, seed };
    await writeFile(`${injectionsFile}.part`, injectionsJson(injections, facts));
    await rename(`${injectionsFile}.part`, injectionsFile);
  });

  const files: string[][] = ifos.map(() => []);
  for (let from = start; from < end; from += fileLength) {
    const to = Math.min(end, from + fileLength);
    const paths = ifos.map((ifo) => join(out, fileName(ifo, sampleRate, from, to - from)));
    await writeFiles(paths, from, to);
    paths.forEach((path, i) => {
      files[i]!.push(path);
    });
  }
  return { files: files.flat(), injections, injectionsFile };

  async function writeFiles(paths: readonly string[], from: number, to: number): Promise<void> {
    const { compression = "gzip" } = options;
    const writers = paths.map((path) => createHdf5Writer(path, { layout: "gwosc", compression }));
    try {
      for (let at = from; at < to; at += SECTION) await writeSection(writers, at, Math.min(to, at + SECTION));
      for (const writer of writers) await writer.close();
    } catch (error) {
      for (const writer of writers) await writer.abort();
      throw error;
    }
  }

  async function writeSection(writers: readonly Writer<"strain">[], from: number, to: number): Promise<void> {
    const touching = injections.filter((injection) => touches(injection, from, to, sampleRate));
    const shared = { ifos, sampleRate, psd, seed, injections: touching, lowFrequency: LOW_FREQUENCY };
    const reader = simulateStrain({ ...shared, start: from, end: to });
    for await (const block of reader.blocks({ signal: new AbortController().signal })) {
      for (const [i, writer] of writers.entries()) await writer.write(channelOf(block, i));
      const doneSeconds = (block.start + block.size) / sampleRate - start;
      options.onProgress?.({ doneSeconds, totalSeconds: duration });
      // All of this is computing: without a pause no Ctrl-C would be heard.
      await breathe();
      if (options.signal?.aborted === true)
        throw new StrainflowError("aborted", `stopped after ${doneSeconds} of ${duration} s of strain`);
    }
  }
}

/** `H-H1_SIM_4_V1-1000000000-256.hdf5`: GWOSC's way, with the rate in kHz; in Hz where it is no whole number of 1024. */
function fileName(ifo: string, sampleRate: number, start: number, duration: number): string {
  const rate = sampleRate % 1024 === 0 ? String(sampleRate / 1024) : `${sampleRate}HZ`;
  return `${ifo.slice(0, 1)}-${ifo}_SIM_${rate}_V1-${start}-${duration}.hdf5`;
}

/** Whether a signal may have samples in GPS `[from, to)`; generous by a second for light travel and ringdown. */
function touches(injection: DrawnInjection, from: number, to: number, sampleRate: number): boolean {
  const { mass1, mass2, spin1 = 0, spin2 = 0 } = injection;
  const size = waveformSize({ mass1, mass2, spin1, spin2, sampleRate, lowFrequency: LOW_FREQUENCY });
  const peak = Number(injection.gpsNs / 1_000_000n) / 1000;
  return peak - size / sampleRate - 1 < to && peak + 2 > from;
}

function channelOf(block: Block<"strain">, index: number): Block<"strain"> {
  const channels = [block.channels[index]!];
  return block.kind === "gap" ? { ...block, channels } : { ...block, channels, data: [block.data[index]!] };
}

function chosenPsd(
  psd: NonNullable<GenerateOptions["psd"]>,
  ifos: readonly string[],
): Readonly<Record<string, PsdModel>> {
  const models: ReadonlyMap<string, PsdModel> = new Map(Object.entries(psdModels));
  const named = (choice: PsdChoice | undefined, ifo: string): PsdModel => {
    const model = typeof choice === "string" ? models.get(choice) : choice;
    if (model !== undefined) return model;
    throw invalidOption("generate", `psd of ${ifo}`, choice, `one of ${[...models.keys()].join(", ")}`);
  };
  return Object.fromEntries(ifos.map((ifo) => [ifo, named(typeof psd === "object" ? psd[ifo] : psd, ifo)]));
}

function wholeSeconds(option: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least)
    throw invalidOption("generate", option, value, `a whole number of seconds, at least ${least}`);
}

async function writable(path: string, write: () => Promise<unknown>): Promise<void> {
  try {
    await write();
  } catch (cause) {
    throw new StrainflowError(
      "output-unwritable",
      `${path} cannot be written (${cause instanceof Error ? cause.message : String(cause)}); choose another folder`,
      { cause, details: { path } },
    );
  }
}
