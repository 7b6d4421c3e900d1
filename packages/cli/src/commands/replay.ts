import { type Command, Option } from "commander";
import { exitCodes } from "../exit-code.ts";
import { openInput } from "../input.ts";
import { onInterrupt } from "../interrupt.ts";
import { runSearch, tellDetections, tellLivetime } from "../run-search.ts";
import { addSearchFlags, gatherSettings, type SearchFlags } from "../search-flags.ts";
import { createTerminal } from "../terminal.ts";
import { planAndTell } from "./plan.ts";

interface Flags extends SearchFlags {
  readonly from?: string;
  readonly dryRun?: boolean;
}

/** `strainflow replay FILES…` */
export function addReplay(program: Command): void {
  const command = program
    .command("replay")
    .description("search strain files, or a live stream, for compact-binary mergers")
    .argument("[files...]", "strain files (HDF5 in the GWOSC, gwpy or aframe layout, or Arrow) or globs")
    .addOption(new Option("--from <address>", "take strain from a ZeroMQ sender instead: zmq://host:port"))
    .option("--dry-run", "only plan: what would be done, and whether it can be (see plan)");
  addSearchFlags(command).action(async (files: string[], flags: Flags) => {
    const terminal = createTerminal({ json: flags.json === true, quiet: flags.quiet === true });
    const settings = await gatherSettings(flags);
    if (flags.dryRun === true) {
      await planAndTell(files, settings, terminal);
      return;
    }
    const interrupt = onInterrupt((text) => terminal.warn(text));
    try {
      const input = await openInput(
        flags.from === undefined ? files : [flags.from],
        settings,
        interrupt.signal,
      );
      try {
        terminal.say("data", input.description);
        const run = await runSearch({
          input,
          settings,
          terminal,
          signal: interrupt.signal,
          title: "Search for compact-binary mergers",
          out: settings.out ?? "strainflow-out",
        });
        const { detections } = run.record;
        if (detections.length === 0)
          terminal.say("detections", `none above network SNR ${settings.threshold ?? 8}`);
        tellDetections(terminal, detections, input.ifos);
        tellLivetime(terminal, run.record);
        terminal.say("report", run.paths.report);
        if (run.interrupted) process.exitCode = exitCodes.interrupted;
      } finally {
        await input.close();
      }
    } finally {
      interrupt.dispose();
    }
  });
}
