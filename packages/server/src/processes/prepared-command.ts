import type { Core } from "../core.ts";
import { Refusal } from "../refusal.ts";
import { type Command, runCommand } from "./commands.ts";
import { type CommandOutcome, refusedOutcome } from "./questions.ts";

/** What a process does in two steps, so that all processes do it or none: loads what it is told to, and serves it. */
export class PreparedCommand {
  readonly #core: Core;
  #decide: ((go: boolean) => void) | undefined;
  #result: Promise<CommandOutcome> | undefined;

  constructor(core: Core) {
    this.#core = core;
  }

  /** Resolves when only the last step is left, or it could not come so far. */
  prepare(command: Command): Promise<CommandOutcome> {
    return new Promise((resolve) => {
      const gate = (): Promise<void> =>
        new Promise((serve, takeBack) => {
          this.#decide = (go) =>
            go
              ? serve()
              : takeBack(new Refusal("UNAVAILABLE", "another process of the server could not do it"));
          resolve({ done: true });
        });
      this.#result = outcomeOf(runCommand(this.#core, command, gate));
      void this.#result.then(resolve);
    });
  }

  async settle(go: boolean): Promise<CommandOutcome> {
    this.#decide?.(go);
    const result = await this.#result;
    this.#decide = undefined;
    this.#result = undefined;
    return result ?? refusedOutcome(new Refusal("INTERNAL", "nothing was prepared"));
  }
}

/** What becomes of a command. */
export function outcomeOf(work: Promise<void>): Promise<CommandOutcome> {
  return work.then(() => ({ done: true }), refusedOutcome);
}
