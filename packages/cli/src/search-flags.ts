import { StrainflowError } from "@strainflow/series";
import { type Command, Option } from "commander";
import { flagValue } from "./flag-values.ts";
import { addAccessFlags } from "./server-access.ts";
import { checkSettings, type FileSettings, readSettings } from "./settings-file.ts";

/** What all commands that run or plan a search understand. */
export interface SearchFlags {
  readonly config?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly [setting: string]: unknown;
}

const { number, list, gps } = flagValue;

/** Adds the flags; each overrides the setting of the same name in a settings file. */
export function addSearchFlags(command: Command): Command {
  command
    .optionsGroup("Data:")
    .option("--ifos <names>", "detectors, by commas: H1,L1 (default: those in the files)", list)
    .option("--gps-start <s>", "where to begin, GPS seconds or UTC (2015-09-14T09:50:45Z)", gps)
    .option("--gps-end <s>", "where to end, GPS seconds or UTC", gps)
    .option("--require-quality <bits>", "data-quality bits that must be set, by commas: DATA,CBC_CAT1", list)
    .addOption(
      new Option("--damaged <what>", "what a damaged part of a file is")
        .choices(["error", "gap"])
        .default(undefined, "error"),
    )
    .optionsGroup("Model:")
    .option("--server <address>", "a running server, grpc://host:port (default: one is started here)")
    .option("--model <name>", "model to stream to (default: the built-in detector)")
    .option("--repository <folder>", "model repository for the server that is started here")
    .option("--workers <n>", "threads of the server that is started here (default: one per core)", number)
    .option("--max-in-flight <n>", "requests under way at once (default: 8)", number)
    .option("--templates <n>", "templates of the built-in detector, up to 32 (default: 32)", number)
    .option("--outputs-per-second <n>", "its outputs per second (default: 16)", number)
    .option(
      "--batch-size <n>",
      "its outputs per request (default: one second's; four of files with a PSD stride of 4 s)",
      number,
    )
    .optionsGroup("Access to that server:");
  return addAccessFlags(command)
    .optionsGroup("Conditioning:")
    .option("--sample-rate <Hz>", "rate of conditioning and inference (default: 2048)", number)
    .option(
      "--psd-length <s>",
      "past that each PSD is made of (default: 32; 8 for less than 128 s of data)",
      number,
    )
    .option(
      "--psd-stride <s>",
      "from one PSD to the next (default: 4; 1 with PSDs of less than 32 s)",
      number,
    )
    .option("--fft-length <s>", "one segment of a PSD (default: 2)", number)
    .option("--filter-length <s>", "what the inverse ASD is cut to (default: 2)", number)
    .option("--highpass <Hz>", "nothing passes below (default: 25)", number)
    .optionsGroup("Detections:")
    .option("--threshold <snr>", "least network SNR of a detection (default: 8)", number)
    .option("--single-threshold <snr>", "least SNR of each detector that takes part (default: 4)", number)
    .option("--coincidence-pad <s>", "added to the light-travel time (default: 0.002)", number)
    .option("--cluster-length <s>", "in which there is one detection at most (default: 1)", number)
    .optionsGroup("Results:")
    .option("-o, --out <folder>", "folder for the results (default: strainflow-out)")
    .addOption(
      new Option("--series <format>", "how the SNR series is written")
        .choices(["hdf5", "arrow", "none"])
        .default(undefined, "hdf5"),
    )
    .option(
      "--listen <host:port>",
      "tell there, while it runs, how long answers take: a page, and /metrics for Prometheus and monitor",
    )
    .option("--json", "one JSON object per line on stdout; all else on stderr")
    .option("-q, --quiet", "say nothing but warnings and errors")
    .optionsGroup("Settings:")
    .option(
      "-c, --config <file>",
      "settings: .ts, .json or .yaml (default: strainflow.config.* here, if any)",
    );
}

/** Settings of the file, and flags on top. @throws `settings-invalid`, `settings-unreadable` */
export async function gatherSettings(flags: SearchFlags): Promise<FileSettings> {
  const read = await readSettings(flags.config);
  const own = settingsOfFlags(flags);
  const settings = { ...read.settings, ...own };
  // A token of the one kind replaces one of the other.
  if (own.token !== undefined && own.tokenFile === undefined) settings.tokenFile = undefined;
  if (own.tokenFile !== undefined && own.token === undefined) settings.token = undefined;
  const { gpsStart, gpsEnd } = settings;
  if (gpsStart !== undefined && gpsEnd !== undefined && gpsEnd <= gpsStart)
    throw new StrainflowError(
      "settings-invalid",
      `--gps-end (${gpsEnd}) must be after --gps-start (${gpsStart})`,
    );
  return settings;
}

/** Those of the flags that are settings. @throws `settings-invalid` */
export function settingsOfFlags(flags: SearchFlags): FileSettings {
  const {
    config: _config,
    json: _json,
    quiet: _quiet,
    from: _from,
    pattern: _pattern,
    debug: _debug,
    dryRun: _dryRun,
    ...own
  } = flags;
  return checkSettings(Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined)));
}
