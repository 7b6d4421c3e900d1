import { defaultSettings, psdFor } from "@strainflow/search";
import type { Command } from "commander";
import { afterHelp } from "../help-style.ts";
import { addSearchFlags, gatherSettings, type SearchFlags } from "../search-flags.ts";
import { readSettings, settingsSchema } from "../settings-file.ts";
import { createTerminal } from "../terminal.ts";

interface Flags extends SearchFlags {
  readonly schema?: boolean;
}

const EXAMPLE = `
Examples:
  $ strainflow settings
  $ strainflow settings --schema > strainflow.schema.json
  $ cat strainflow.config.json
  { "$schema": "./strainflow.schema.json", "templates": 16, "threshold": 7.5 }

A strainflow.config.ts has types: export default defineSettings({ … }), from the package strainflow.`;

/** `strainflow settings` */
export function defineSettings(command: Command): void {
  command.option("--schema", "the JSON schema of a settings file instead");
  addSearchFlags(command).addHelpText("after", afterHelp(EXAMPLE)).action(tellSettings);
}

async function tellSettings({ schema = false, ...flags }: Flags): Promise<void> {
  if (schema) {
    process.stdout.write(`${JSON.stringify(settingsSchema(), undefined, 2)}\n`);
    return;
  }
  const terminal = createTerminal({ json: flags.json === true });
  const { settings: ofFile, path } = await readSettings(flags.config);
  const settings = await gatherSettings(flags);
  const effective: Readonly<Record<string, unknown>> = {
    ...DEFAULTS,
    ...psdFor(undefined, settings.psdLength),
    ...settings,
    // What is shown here is pasted into mails.
    ...(settings.token === undefined ? {} : { token: "(not shown)" }),
  };
  terminal.record({ type: "settings", ...(path === undefined ? {} : { path }), settings: effective });
  if (terminal.json) return;
  terminal.say("file", path ?? "none: there is no strainflow.config.{ts,json,yaml} here");
  const own: Readonly<Record<string, unknown>> = { ...ofFile };
  const names = Object.keys(effective).toSorted();
  const width = Math.max(...names.map((name) => name.length));
  for (const name of names) {
    const value = effective[name];
    const byDefault = name === "psdLength" ? "default; 8 for less than 128 s of data" : "default";
    const from = !(name in settings) ? byDefault : value === own[name] ? "file" : "flag";
    terminal.line(
      `  ${name.padEnd(width)}  ${Array.isArray(value) ? value.join(",") : String(value)}   (${from})`,
    );
  }
}

/** Those of the search, and those of the command. Detectors are those in the files. */
const { ifos: _ifos, ...searchDefaults } = defaultSettings;
const DEFAULTS = {
  ...searchDefaults,
  outputsPerSecond: 16,
  templates: 32,
  out: "strainflow-out",
  damaged: "error",
  series: "hdf5",
} as const;
