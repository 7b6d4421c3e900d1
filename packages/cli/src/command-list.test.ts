import { Command } from "commander";
import { expect, it } from "vitest";
import { addCommands } from "./command-list.ts";
import { helpStyle } from "./help-style.ts";

const listed = async (args: readonly string[]): Promise<Map<string, string>> => {
  const program = new Command().configureHelp(helpStyle);
  await addCommands(program, args);
  return new Map(
    program.commands.map((command) => [command.name(), helpStyle.subcommandTerm?.(command) ?? ""]),
  );
};

it("help lists a command as the command itself does", async () => {
  const unloaded = await listed([]);
  for (const [name, term] of unloaded) expect((await listed([name])).get(name)).toBe(term);
});
