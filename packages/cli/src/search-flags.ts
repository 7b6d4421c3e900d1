import { type Command, InvalidArgumentError } from "commander";
import { checkSettings, type FileSettings, readSettings } from "./settings-file.ts";

/** What all commands that run or plan a search understand. */
export interface SearchFlags {
  readonly config?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly [setting: string]: unknown;
}

const number = (text: string): number => {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidArgumentError("it must be a number");
  return value;
};
const list = (text: string): string[] => text.split(",").map((part) => part.trim());

/** Adds the flags; each overrides the setting of the same name in a settings file. */
export function addSearchFlags(command: Command): Command {
  return command
    .option("--ifos <names>", "detectors, by commas: H1,L1 (default: those in the files)", list)
    .option("--gps-start <s>", "where to begin, GPS seconds", number)
    .option("--gps-end <s>", "where to end, GPS seconds", number)
    .option("--require-quality <bits>", "data-quality bits that must be set, by commas: DATA,CBC_CAT1", list)
    .option("--damaged <what>", "what a damaged part of a file is: error or gap")
    .option("--server <address>", "a running server, grpc://host:port (default: one is started here)")
    .option("--model <name>", "model to stream to (default: the built-in detector)")
    .option("--repository <folder>", "model repository for the server that is started here")
    .option("--workers <n>", "threads of the server that is started here", number)
    .option("--templates <n>", "templates of the built-in detector", number)
    .option("--outputs-per-second <n>", "outputs of the built-in detector per second", number)
    .option("--batch-size <n>", "outputs per request", number)
    .option("--psd-length <s>", "seconds of past that each PSD is made of", number)
    .option("--psd-stride <s>", "seconds from one PSD to the next", number)
    .option("--fft-length <s>", "seconds of one PSD segment", number)
    .option("--filter-length <s>", "seconds that the inverse ASD is cut to", number)
    .option("--highpass <Hz>", "nothing passes below", number)
    .option("--threshold <snr>", "least network SNR of a detection", number)
    .option("--single-threshold <snr>", "least SNR of each detector that takes part", number)
    .option("--cluster-length <s>", "seconds in which there is one detection at most", number)
    .option("--max-in-flight <n>", "requests under way at once", number)
    .option("--series <format>", "output series as hdf5, arrow or none")
    .option("-o, --out <folder>", "folder for the results (default: strainflow-out)")
    .option(
      "-c, --config <file>",
      "settings: .ts, .json or .yaml (default: strainflow.config.* here, if any)",
    )
    .option("--json", "one JSON object per line on stdout; all else on stderr")
    .option("-q, --quiet", "say nothing but warnings and errors");
}

/** Settings of the file, and flags on top. @throws `settings-invalid`, `settings-unreadable` */
export async function gatherSettings(flags: SearchFlags): Promise<FileSettings> {
  const { settings } = await readSettings(flags.config);
  const {
    config: _config,
    json: _json,
    quiet: _quiet,
    from: _from,
    debug: _debug,
    dryRun: _dryRun,
    ...own
  } = flags;
  const given = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
  return { ...settings, ...checkSettings(given, "flags") };
}
