import { formatNs } from "@strainflow/series";
import { type Command, Option } from "commander";
import { flagValue } from "../flag-values.ts";
import { generateStrain } from "../generate-strain.ts";
import { afterHelp } from "../help-style.ts";
import { interruptible } from "../interrupt.ts";
import { createTerminal } from "../terminal.ts";

interface Flags {
  readonly ifos: string[];
  readonly start: number;
  readonly duration: number;
  readonly sampleRate: number;
  readonly psd: Readonly<Record<string, string>> | string;
  readonly seed: string;
  readonly injections: number;
  readonly snr?: readonly [number, number];
  readonly mass?: readonly [number, number];
  readonly maxSpin?: number;
  readonly fileLength: number;
  readonly compression: "gzip" | "none";
  readonly out: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const EXAMPLE = `
Examples:
  $ strainflow generate --duration 256 --injections 6 --seed 1 -o strain
  $ strainflow replay strain/*.hdf5

The same seed gives the same samples, wherever a run begins and however it is cut into files.`;

/** `strainflow generate` */
export function defineGenerate(command: Command): void {
  command
    .option("--ifos <names>", "detectors, by commas", flagValue.list, ["H1", "L1"])
    .option("--start <GPS>", "first second, GPS or UTC (2015-09-14T09:50:45Z)", flagValue.gps, 1_000_000_000)
    .option("--duration <s>", "seconds", flagValue.whole(1), 256)
    .option("--sample-rate <Hz>", "samples per second", flagValue.whole(1), 4096)
    .option(
      "--psd <model>",
      "noise: advanced-ligo, advanced-virgo, kagra, initial-ligo, flat; or by detector: H1=advanced-ligo,V1=advanced-virgo",
      psds,
      "advanced-ligo",
    )
    .option("--seed <seed>", "any number or word", "1")
    .option("--injections <n>", "mergers in the noise, spread over its length", flagValue.whole(0), 0)
    .addOption(
      new Option("--snr <range>", "their network SNR").argParser(flagValue.range).default(undefined, "12,25"),
    )
    .addOption(
      new Option("--mass <range>", "their component masses in the detector frame, M☉")
        .argParser(flagValue.range)
        .default(undefined, "20,50"),
    )
    .addOption(
      new Option("--max-spin <x>", "their largest aligned spin")
        .argParser(flagValue.fraction)
        .default(undefined, "0"),
    )
    .option("--file-length <s>", "seconds per file", flagValue.whole(1), 4096)
    .addOption(new Option("--compression <how>", "of the samples").choices(["gzip", "none"]).default("gzip"))
    .option("-o, --out <folder>", "where to write", "strain")
    .option("--json", "one JSON object per line on stdout; all else on stderr")
    .option("-q, --quiet", "say nothing but warnings and errors")
    .addHelpText("after", afterHelp(EXAMPLE))
    .action(generate);
}

const FILES_SHOWN = 4;

async function generate(flags: Flags): Promise<void> {
  const terminal = createTerminal({ json: flags.json === true, quiet: flags.quiet === true });
  const { ifos, start, duration, snr, mass, maxSpin } = flags;
  const { files, injections, injectionsFile } = await interruptible(
    (signal) =>
      generateStrain({
        ...flags,
        injections: {
          count: flags.injections,
          ...(snr === undefined ? {} : { snr }),
          ...(mass === undefined ? {} : { mass }),
          ...(maxSpin === undefined ? {} : { maxSpin }),
        },
        signal,
        onProgress({ doneSeconds, totalSeconds }) {
          terminal.progress(`  strain      ${doneSeconds.toFixed(0)} of ${totalSeconds.toFixed(0)} s`);
        },
      }),
    (text) => terminal.warn(text),
    "stopping: files that are complete stay",
  );
  terminal.progress("");
  const noise =
    typeof flags.psd === "string"
      ? flags.psd
      : Object.entries(flags.psd)
          .map((pair) => pair.join("="))
          .join(", ");
  terminal.say(
    "strain",
    `${ifos.join(" ")} ${flags.sampleRate} Hz, GPS ${start} + ${duration} s of ${noise} noise (seed ${flags.seed})`,
  );
  for (const { gpsNs, mass1, mass2, networkSnr } of injections)
    terminal.say(
      "injected",
      `${formatNs(gpsNs, 3)}   network SNR ${networkSnr.toFixed(1)}   ${mass1.toFixed(0)} + ${mass2.toFixed(0)} M☉`,
    );
  for (const file of files.slice(0, FILES_SHOWN)) terminal.say("wrote", file);
  if (files.length > FILES_SHOWN)
    terminal.say("", `… and ${files.length - FILES_SHOWN} more, to ${files.at(-1) ?? ""}`);
  terminal.say("wrote", injectionsFile);
  terminal.record({ type: "generated", files, injectionsFile, injections: injections.length });
}

/** One name, or `H1=name,V1=name`. */
function psds(text: string): Readonly<Record<string, string>> | string {
  if (!text.includes("=")) return text;
  return Object.fromEntries(
    flagValue.list(text).map((part) => {
      const [ifo = "", model = ""] = part.split("=");
      return [ifo, model];
    }),
  );
}
