import type { AddHelpTextContext, Argument, Command, HelpConfiguration, Option } from "commander";
import { wrapText } from "./table.ts";

/** How help tells of an option: its choices and its default, as one would type them. */
export const helpStyle: HelpConfiguration = {
  // Commander leaves descriptions in one line where less than 40 columns are left for them: in a terminal of 60, all.
  minWidthToWrap: 20,
  optionDescription({ description, argChoices, defaultValue, defaultValueDescription }: Option): string {
    const facts = [
      ...(argChoices === undefined ? [] : [oneOf(argChoices)]),
      ...defaultText(defaultValue, defaultValueDescription),
    ];
    return facts.length === 0 ? description : `${description} (${facts.join("; ")})`;
  },
  // Without commander's [options], which all have: what a command does needs the room.
  subcommandTerm: (command: Command) =>
    [command.name(), ...command.registeredArguments.map(argumentTerm)].join(" "),
};

const WIDEST = 120;

/** Text for after the help, its sentences broken where the terminal ends; what is indented stays as it is. */
export function afterHelp(text: string): (context: AddHelpTextContext) => string {
  return ({ command }) => {
    const width = Math.min(command.configureOutput().getOutHelpWidth?.() ?? 80, WIDEST);
    return text.replace(/^(?! )[^\n]+(\n(?! )[^\n]+)*/gm, (paragraph) =>
      wrapText(paragraph.replaceAll("\n", " "), width).join("\n"),
    );
  };
}

function argumentTerm(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

function oneOf(choices: readonly string[]): string {
  return choices.length > 2
    ? `${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`
    : choices.join(" or ");
}

function defaultText(value: unknown, described: string | undefined): string[] {
  if (described !== undefined) return [`default: ${described}`];
  if (value === undefined || typeof value === "boolean") return [];
  return [`default: ${Array.isArray(value) ? value.join(",") : String(value)}`];
}
