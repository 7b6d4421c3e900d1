import type { Command } from "commander";
import { exitCodes } from "../exit-code.ts";
import { afterHelp } from "../help-style.ts";
import { interruptible } from "../interrupt.ts";
import { planRecord, tellPlan } from "../plan-text.ts";
import { planRun, type RunPlan } from "../run-plan.ts";
import { addSearchFlags, gatherSettings, type SearchFlags } from "../search-flags.ts";
import type { FileSettings } from "../settings-file.ts";
import { createTerminal, type Terminal } from "../terminal.ts";

interface Flags extends SearchFlags {
  readonly probe: boolean;
}

const EXAMPLE = `
Examples:
  $ strainflow plan strain/*.hdf5
  $ strainflow plan strain/*.hdf5 --server grpc://127.0.0.1:8001 --model matched-filter-stream
  $ strainflow plan --batch-size 1            # no files: what a live search would wait for

Nothing is searched and nothing is written. The exit status is 0 if the search could run.`;

/** `strainflow plan FILES…` */
export function definePlan(command: Command): void {
  command
    .argument("[files...]", "strain files or globs, as for replay")
    .option("--no-probe", "do not send a few requests of zeros to see how fast the model is");
  addSearchFlags(command)
    .addHelpText("after", afterHelp(EXAMPLE))
    .action(async (files: string[], { probe, ...flags }: Flags) => {
      const terminal = createTerminal({ json: flags.json === true });
      await planAndTell(files, await gatherSettings(flags), terminal, probe);
    });
}

/** Plans a run, tells it, and leaves the verdict in the exit status. Also what `replay --dry-run` does. */
export async function planAndTell(
  files: readonly string[],
  settings: FileSettings,
  terminal: Terminal,
  probe = true,
): Promise<RunPlan> {
  const run = await interruptible(
    (signal) => planRun({ files, settings, terminal, signal, probe }),
    (text) => terminal.warn(text),
    "stopping",
  );
  terminal.record(planRecord(run));
  tellPlan(terminal, run);
  if (run.plan.checks.some(({ verdict }) => verdict === "error")) process.exitCode = exitCodes.server;
  return run;
}
