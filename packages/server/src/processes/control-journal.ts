import type { Command } from "./commands.ts";

/** What clients have changed, as far as a process that starts anew has to do it again. */
export class ControlJournal {
  #entries: { readonly key: string; readonly command: Command }[] = [];

  /** In the order in which it was done. */
  get commands(): readonly Command[] {
    return this.#entries.map(({ command }) => command);
  }

  /** It was done, in all processes. What it makes void is forgotten. */
  add(command: Command): void {
    const key = keyOf(command);
    const { kind } = command;
    const isVoid = (other: string): boolean => {
      if (other === key) return true;
      // A configuration that was given stays through loads that give none.
      if (kind === "load") return command.override.config !== undefined && other === `plain ${command.name}`;
      if (kind === "unload") return other === `plain ${command.name}`;
      return (
        kind === "unregister" &&
        (command.name === "" ? other.startsWith("region ") : other === `region ${command.name}`)
      );
    };
    this.#entries = this.#entries.filter((entry) => !isVoid(entry.key));
    if (kind !== "unregister") this.#entries.push({ key, command });
  }
}

function keyOf(command: Command): string {
  switch (command.kind) {
    case "load": {
      const { config, files } = command.override;
      return `${config === undefined && files.size === 0 ? "plain" : "model"} ${command.name}`;
    }
    case "unload":
      return `model ${command.name}`;
    case "register":
      return `region ${command.region.name}`;
    case "unregister":
      return `region ${command.name}`;
    case "trace":
      return `trace ${command.model} ${[...command.patch.keys()].sort().join(" ")}`;
    case "log":
      return "log";
  }
}
