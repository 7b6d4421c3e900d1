import type { Command } from "commander";

/** Gives a command its arguments, options and action. */
type Define = (command: Command) => void;

interface Listed {
  /** Its arguments, as help shows them. */
  readonly takes?: string;
  readonly does: string;
  readonly load: () => Promise<Define>;
}

/**
 * The commands, in the order of the help. Each is loaded only when it is called for: help, and what is misspelt, wait for
 * none, and one that needs neither models nor sockets does not wait for them.
 */
const commands: Readonly<Record<string, Listed>> = {
  demo: {
    does: "simulate two detectors with mergers in their noise, search them, and show what was found",
    load: async () => (await import("./commands/demo.ts")).defineDemo,
  },
  replay: {
    takes: "[files...]",
    does: "search strain files, or a live stream, for compact-binary mergers",
    load: async () => (await import("./commands/replay.ts")).defineReplay,
  },
  plan: {
    takes: "[files...]",
    does: "what a search would do: shapes, latency, memory, requests, what fits and what it writes",
    load: async () => (await import("./commands/plan.ts")).definePlan,
  },
  graph: {
    takes: "[files...]",
    does: "draw the pipeline that a search would be, with shapes, rates and latency at each arrow",
    load: async () => (await import("./commands/graph.ts")).defineGraph,
  },
  inspect: {
    takes: "<files...>",
    does: "what is in strain files: channels, rate, span, quality, gaps, damage",
    load: async () => (await import("./commands/inspect.ts")).defineInspect,
  },
  generate: {
    does: "write simulated strain: coloured noise with mergers in it, in GWOSC's file layout",
    load: async () => (await import("./commands/generate.ts")).defineGenerate,
  },
  send: {
    takes: "<files...>",
    does: "replay strain files over ZeroMQ, at the pace at which they would have come",
    load: async () => (await import("./commands/send.ts")).defineSend,
  },
  serve: {
    does: "serve models over Triton's protocol, gRPC and HTTP, until Ctrl-C",
    load: async () => (await import("./commands/serve.ts")).defineServe,
  },
  monitor: {
    takes: "<server...>",
    does: "watch servers: latency and throughput per model, and per step of an ensemble",
    load: async () => (await import("./commands/monitor.ts")).defineMonitor,
  },
  loadtest: {
    takes: "<server...>",
    does: "put a server or a handler under load: throughput, latency, and whether the answers are right",
    load: async () => (await import("./commands/loadtest.ts")).defineLoadtest,
  },
  model: {
    does: "make, extend and look into model repositories",
    load: async () => (await import("./commands/model.ts")).defineModel,
  },
  settings: {
    does: "what a search would be run with here, and where each value comes from",
    load: async () => (await import("./commands/settings.ts")).defineSettings,
  },
};

/** Adds all commands to the program: whole the one that the arguments name, the others as help lists them. */
export async function addCommands(program: Command, args: readonly string[]): Promise<void> {
  const [first, second] = args.filter((arg) => !arg.startsWith("-"));
  const named = first === "help" ? second : first;
  for (const [name, { takes, does, load }] of Object.entries(commands)) {
    const command = program.command(name).description(does);
    if (name === named) (await load())(command);
    else if (takes !== undefined) command.arguments(takes);
  }
}
