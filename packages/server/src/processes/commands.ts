import type { Core } from "../core.ts";
import type { LoadOverride } from "../models/model-override.ts";
import type { SharedRegion } from "../tensors/shared-memory.ts";
import type { LogSettings } from "../watching/server-log.ts";
import type { TracePatch } from "../watching/trace-settings.ts";

/** What clients change of the server; where it is several processes, all of them do it. */
export type Command =
  | { readonly kind: "load"; readonly name: string; readonly override: LoadOverride }
  | { readonly kind: "unload"; readonly name: string; readonly dependents: boolean }
  | { readonly kind: "register"; readonly region: SharedRegion }
  | { readonly kind: "unregister"; readonly name: string }
  | { readonly kind: "trace"; readonly model: string; readonly patch: TracePatch }
  | { readonly kind: "log"; readonly settings: LogSettings };

/** Does it in this process. `gate`: awaited by a load before anything is served of it. @throws Refusal */
export async function runCommand(core: Core, command: Command, gate?: () => Promise<void>): Promise<void> {
  switch (command.kind) {
    case "load":
      return core.repository.load(command.name, command.override, gate);
    case "unload":
      return core.repository.unload(command.name, command.dependents);
    case "register":
      return core.sharedMemory.register(command.region);
    case "unregister":
      return core.sharedMemory.unregister(command.name);
    case "trace":
      core.tracer.update(command.model, command.patch);
      return;
    case "log":
      core.log.settings = command.settings;
  }
}
