import { isStrainflowError } from "@strainflow/series";
import { settingNames } from "./settings-file.ts";
import { flagOf } from "./settings-problems.ts";

/** Flags that give functions their options under other names, or are no settings. */
const FLAGS: ReadonlyMap<string, string> = new Map([
  ["connect.address", "--server"],
  ["createTemplateBank.count", "--templates"],
  ["generate.fileLength", "--file-length"],
  ["openHdf5.blockLength", "--block-length"],
  ["createPushgatewaySink.url", "--push"],
]);

/** An error in the words of who typed the command: flags instead of options of functions. */
export function errorText(error: unknown): string {
  if (!isStrainflowError(error)) return error instanceof Error ? error.message : String(error);
  const { message, details } = error;
  switch (error.tag) {
    case "invalid-option": {
      const { where, option } = details;
      const said =
        typeof where === "string" && message.startsWith(`${where}: `)
          ? message.slice(where.length + 2)
          : message;
      if (typeof option !== "string" || !said.startsWith(`${option} `)) return said;
      const flag = FLAGS.get(`${String(where)}.${option}`);
      if (flag !== undefined) return `${flag}${said.slice(option.length)}`;
      return settingNames.includes(option)
        ? `${flagOf(option)} (${option})${said.slice(option.length)}`
        : said;
    }
    case "hdf5-damaged":
      return message.replace('damaged: "gap"', "--damaged gap");
    case "launch-failed": {
      // Our own server ends with one sentence, which says more than how it was started; another's lines are all needed.
      const { lastLines, file } = details;
      if (file !== process.execPath) return message;
      const last: unknown = Array.isArray(lastLines) ? lastLines.at(-1) : undefined;
      return typeof last === "string" ? `the server could not be started: ${last}` : message;
    }
    default:
      return message;
  }
}

/** What commander says of a flag, in our words: `✗ --seed is x; it must be a number   [usage]`. */
export function usageText(text: string): string {
  if (!text.startsWith("error: ")) return text;
  const said = text
    .slice("error: ".length)
    .trimEnd()
    .replace(/^command-argument value '(.*)' is invalid for argument '(\w+)'\. /s, "$2 is $1; ")
    .replace(/^option '(?:-\w, )?(--[\w-]+)[^']*' argument '(.*)' is invalid\. /s, "$1 is $2; ")
    .replace(/\n\(Did you mean (.*)\?\)$/s, "; did you mean $1?")
    .replace("; Allowed choices are ", "; it must be one of ")
    .replace(/\.$/, "");
  return `✗ ${said}   [usage]\n`;
}
