import { rename, writeFile } from "node:fs/promises";
import { StrainflowError } from "@strainflow/series";
import type { Command } from "commander";
import { graphSvg } from "../graph-svg.ts";
import { graphLines } from "../graph-text.ts";
import { afterHelp } from "../help-style.ts";
import { interruptible } from "../interrupt.ts";
import { graphOf } from "../pipeline-graph.ts";
import { planRecord } from "../plan-text.ts";
import { planRun } from "../run-plan.ts";
import { addSearchFlags, gatherSettings, type SearchFlags } from "../search-flags.ts";
import { createTerminal } from "../terminal.ts";

interface Flags extends SearchFlags {
  readonly svg?: string;
}

const EXAMPLE = `
Examples:
  $ strainflow graph strain/*.hdf5
  $ strainflow graph --batch-size 1 --svg pipeline.svg

At each arrow: what passes, how often, and how old it is at most when it does.`;

/** `strainflow graph FILES…` */
export function defineGraph(command: Command): void {
  command
    .argument("[files...]", "strain files or globs, as for replay")
    .option("--svg <file>", "write a drawing, instead of text here");
  addSearchFlags(command)
    .addHelpText("after", afterHelp(EXAMPLE))
    .action(async (files: string[], { svg, ...flags }: Flags) => {
      const terminal = createTerminal({ json: flags.json === true, quiet: flags.quiet === true });
      const settings = await gatherSettings(flags);
      const run = await interruptible(
        (signal) => planRun({ files, settings, terminal, signal, probe: false }),
        (text) => terminal.warn(text),
        "stopping",
      );
      terminal.record(planRecord(run));
      for (const { name, verdict, text } of run.plan.checks)
        if (verdict !== "ok") terminal.warn(`${name}: ${text}`);
      if (svg === undefined)
        for (const line of graphLines(graphOf(run), terminal.columns)) terminal.line(line);
      else {
        await write(svg, graphSvg(graphOf(run)));
        terminal.say("wrote", svg);
      }
    });
}

async function write(path: string, contents: string): Promise<void> {
  try {
    await writeFile(`${path}.part`, contents);
    await rename(`${path}.part`, path);
  } catch (cause) {
    throw new StrainflowError(
      "output-unwritable",
      `${path} cannot be written (${cause instanceof Error ? cause.message : String(cause)}); choose another --svg`,
      { cause, details: { path } },
    );
  }
}
