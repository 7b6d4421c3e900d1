import { isStrainflowError } from "@strainflow/series";
import { Command, CommanderError } from "commander";
import { addCommands } from "./command-list.ts";
import { errorText, usageText } from "./error-text.ts";
import { exitCodeOf, exitCodes } from "./exit-code.ts";
import { helpStyle } from "./help-style.ts";
import { version } from "./version.ts";

// A reader that has seen enough (`strainflow … | head`) is no fault, and a terminal that was closed (EIO) is none either:
// what it should have been told is lost, and the rest is still to be put in order.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EIO") return;
  if (error.code !== "EPIPE") throw error;
  process.exit(exitCodes.ok);
});
process.stderr.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EIO" && error.code !== "EPIPE") throw error;
});

/** The `strainflow` command. */
async function main(): Promise<void> {
  const program = new Command("strainflow")
    .description("Streaming time-series inference for gravitational-wave detection")
    .version(version)
    .option("--debug", "show where an error came from")
    .configureOutput({ outputError: (text, write) => write(usageText(text)) })
    .configureHelp(helpStyle)
    .showHelpAfterError("  Add --help for what there is.")
    .exitOverride();
  try {
    await addCommands(program, process.argv.slice(2));
    await program.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
      return;
    }
    const code = exitCodeOf(error);
    const tag = isStrainflowError(error) ? `   [${error.tag}]` : "";
    process.stderr.write(`${code === exitCodes.interrupted ? "!" : "✗"} ${errorText(error)}${tag}\n`);
    if (program.opts<{ debug?: boolean }>().debug === true || code === exitCodes.unexpected)
      process.stderr.write(`${error instanceof Error ? error.stack : ""}\n`);
    process.exitCode = code;
  }
}

await main();
