import type { Command } from "commander";

/** Adds a command to the program. */
type Add = (program: Command) => void;

/**
 * The commands, in the order of the help. Each is loaded only when it is called for, so that one that needs neither
 * models nor sockets does not wait for them.
 */
const commands: Readonly<Record<string, () => Promise<Add>>> = {
  demo: async () => (await import("./commands/demo.ts")).addDemo,
  replay: async () => (await import("./commands/replay.ts")).addReplay,
  plan: async () => (await import("./commands/plan.ts")).addPlan,
  graph: async () => (await import("./commands/graph.ts")).addGraph,
  inspect: async () => (await import("./commands/inspect.ts")).addInspect,
  generate: async () => (await import("./commands/generate.ts")).addGenerate,
  send: async () => (await import("./commands/send.ts")).addSend,
  serve: async () => (await import("./commands/serve.ts")).addServe,
  monitor: async () => (await import("./commands/monitor.ts")).addMonitor,
  loadtest: async () => (await import("./commands/loadtest.ts")).addLoadtest,
  model: async () => (await import("./commands/model.ts")).addModel,
  settings: async () => (await import("./commands/settings.ts")).addSettings,
};

/** Adds the command that the arguments name, or all of them where they name none: for help, and for what is misspelt. */
export async function addCommands(program: Command, args: readonly string[]): Promise<void> {
  if (args[0] === "--version" || args[0] === "-V") return;
  const named = args.find((arg) => !arg.startsWith("-"));
  const wanted = named !== undefined && Object.hasOwn(commands, named) ? [named] : Object.keys(commands);
  for (const name of wanted) (await commands[name]?.())?.(program);
}
