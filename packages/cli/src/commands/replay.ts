import { StrainflowError } from "@strainflow/series";
import { type Command, Option } from "commander";
import { createDetectionTable } from "../detection-table.ts";
import { exitCodes } from "../exit-code.ts";
import { afterHelp } from "../help-style.ts";
import { openInput, type StrainInput } from "../input.ts";
import { interruptible } from "../interrupt.ts";
import { runSearch } from "../run-search.ts";
import { addSearchFlags, gatherSettings, type SearchFlags } from "../search-flags.ts";
import type { FileSettings } from "../settings-file.ts";
import { tellRun } from "../tell-run.ts";
import { createTerminal, type Terminal } from "../terminal.ts";
import { planAndTell } from "./plan.ts";

interface Flags extends SearchFlags {
  readonly from?: string;
  readonly pattern: "sub" | "pull";
  readonly dryRun?: boolean;
}

const EXAMPLE = `
Examples:
  $ strainflow replay H-H1_*.hdf5 L-L1_*.hdf5
  $ strainflow replay strain/*.hdf5 --threshold 7 --require-quality DATA,CBC_CAT1 -o results
  $ strainflow replay strain/*.hdf5 --json | jq -c 'select(.type == "detection") | [.gpsTime, .statistic]'
  $ strainflow replay --from zmq://127.0.0.1:5555

Ctrl-C keeps what is done: results of all that was searched until then. Exit status: 0 done, 2 a flag or setting,
3 the input, 4 the server, 5 the results, 130 ended by Ctrl-C.`;

/** `strainflow replay FILES…` */
export function defineReplay(command: Command): void {
  command
    .argument("[files...]", "strain files (HDF5 in the GWOSC, gwpy or aframe layout, or Arrow) or globs")
    .option("--from <address>", "take strain from a ZeroMQ sender instead: zmq://host:port")
    .addOption(
      new Option(
        "--pattern <kind>",
        "sub for a pub sender, pull for a push sender, which waits for the search",
      )
        .choices(["sub", "pull"])
        .default("sub"),
    )
    .option("--dry-run", "only plan: what would be done, and whether it can be (see plan)");
  addSearchFlags(command)
    .addHelpText("after", afterHelp(EXAMPLE))
    .action(async (files: string[], flags: Flags) => {
      const terminal = createTerminal({ json: flags.json === true, quiet: flags.quiet === true });
      if (flags.from !== undefined && files.length > 0)
        throw new StrainflowError(
          "usage",
          `strain comes from --from or from files, not both: ${files.join(", ")}`,
        );
      const settings = await gatherSettings(flags);
      if (flags.dryRun === true) await planAndTell(files, settings, terminal);
      else
        await interruptible(
          (signal) => replay(files, flags, settings, terminal, signal),
          (text) => terminal.warn(text),
        );
    });
}

async function replay(
  files: readonly string[],
  { from, pattern }: Flags,
  settings: FileSettings,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const input: StrainInput =
    from === undefined
      ? await openInput(files, settings, signal)
      : await (await import("../live-input.ts")).openLiveInput({
          address: from,
          pattern,
          settings,
          terminal,
          signal,
        });
  try {
    terminal.say("data", input.description);
    const table = createDetectionTable(terminal, input.ifos);
    const run = await runSearch({
      input,
      settings,
      terminal,
      signal,
      title: "Search for compact-binary mergers",
      out: settings.out ?? "strainflow-out",
      onDetection: (detection) => table.add(detection),
    });
    table.end();
    const { detections, livetime } = run.record;
    if (detections.length === 0 && livetime.searchedSeconds > 0)
      terminal.say("detections", `none above network SNR ${settings.threshold ?? 8}`);
    tellRun(terminal, run);
    if (run.end.failure !== undefined) throw run.end.failure;
    if (run.end.interrupted) process.exitCode = exitCodes.interrupted;
  } finally {
    await input.close();
  }
}
