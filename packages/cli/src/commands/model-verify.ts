import { StrainflowError } from "@strainflow/series";
import type { Command } from "commander";
import { afterHelp } from "../help-style.ts";
import { readRepository } from "../repository-of.ts";
import { addStoreFlags, type StoreFlags } from "../store-flags.ts";
import { createTerminal } from "../terminal.ts";

interface VerifyFlags extends StoreFlags {
  readonly json?: boolean;
}

const EXAMPLE = `
Examples:
  $ strainflow model verify models
  $ strainflow model verify models matched-filter-stream

Errors are what Triton refuses to load, or refuses at every request; warnings what it serves in a way nobody wants.
With an error the status is 4.`;

/** `strainflow model verify` */
export function addModelVerify(model: Command): void {
  addStoreFlags(
    model
      .command("verify")
      .description("what Triton would refuse in a model repository, or trip over, and how to put it right")
      .argument("<repository>", "a folder, s3://bucket/prefix, gs://bucket/prefix")
      .argument("[names...]", "models (default: all of them)")
      .option("--json", "one JSON object per problem on stdout, and one for the whole"),
  )
    .addHelpText("after", afterHelp(EXAMPLE))
    .action(verify);
}

async function verify(path: string, names: readonly string[], flags: VerifyFlags): Promise<void> {
  const terminal = createTerminal({ json: flags.json === true });
  const { models, problems } = await readRepository(path, flags, async (repository) => {
    const listed = names.length > 0 ? names : await repository.list();
    return { models: listed, problems: await repository.verify(listed) };
  });
  for (const { model, where, severity, problem, fix } of problems) {
    terminal.record({ type: "problem", model, where, severity, problem, fix });
    if (terminal.json) continue;
    terminal.line(
      `${severity === "error" ? "✗" : "!"} ${model}${where === "" ? "" : `, ${where}`}: ${problem}`,
    );
    terminal.line(`  ${fix}`);
  }
  const errors = problems.filter(({ severity }) => severity === "error").length;
  const warnings = problems.length - errors;
  terminal.record({ type: "verified", repository: path, models, errors, warnings });
  if (errors > 0)
    throw new StrainflowError(
      "bad-repository",
      `${path}: ${count(errors, "error")} and ${count(warnings, "warning")}; put right what is named above`,
    );
  terminal.say("verified", `${count(models.length, "model")}, ${count(warnings, "warning")}`);
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? "" : "s"}`;
