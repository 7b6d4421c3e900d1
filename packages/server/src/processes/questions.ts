import type { CheckedOptions } from "../check-options.ts";
import { asRefusal, Refusal, type StatusCode } from "../refusal.ts";
import type { Command } from "./commands.ts";

/** What a process of the server is told at its start. */
export interface ProcessInit {
  readonly options: Omit<CheckedOptions, "log">;
  /** Where the processes' sockets lie. */
  readonly folder: string;
}

/** What the front asks a process. */
export type ToServerProcess =
  /** Where it listens for the others; answered with a path. */
  | { readonly kind: "where" }
  /** Where all listen, by number, and whether all are ready. */
  | { readonly kind: "meet"; readonly paths: readonly (string | undefined)[]; readonly ready: boolean }
  /** Answered with `CommandOutcome`. */
  | { readonly kind: "do"; readonly command: Command }
  /** Does all of it but the last step, which cannot fail. Answered with `CommandOutcome`; then comes `settle`. */
  | { readonly kind: "prepare"; readonly command: Command }
  /** Does the last step, or takes all back. Answered with `CommandOutcome`. */
  | { readonly kind: "settle"; readonly go: boolean }
  /** Answered with `Counts`. */
  | { readonly kind: "counts" }
  | { readonly kind: "drain"; readonly drainMs: number }
  | { readonly kind: "finish" };

/** What a process asks the front. */
export type ToServerFront =
  /** Whether it is ready has changed. */
  | { readonly kind: "ready"; readonly ready: boolean }
  /** Answered with `CommandOutcome`, when all have done it. */
  | { readonly kind: "command"; readonly command: Command }
  /** Answered with an encoded `ModelStatisticsResponse`: sums of all models over all processes. */
  | { readonly kind: "statistics" };

/** What a process has done. */
export interface Counts {
  /** An encoded `ModelStatisticsResponse` of all its models. */
  readonly statistics: Uint8Array;
  /** Its page of metrics. */
  readonly metrics: string;
  /** Bytes of memory, and seconds of CPU since its start. */
  readonly residentSize: number;
  readonly cpuLength: number;
}

/** What became of a command: errors keep their code on the way. */
export type CommandOutcome =
  | { readonly done: true }
  | { readonly done: false; readonly code: StatusCode; readonly message: string };

export function refusedOutcome(error: unknown): CommandOutcome {
  const { code, message } = asRefusal(error);
  return { done: false, code, message };
}

/** @throws Refusal */
export function checkOutcome(outcome: CommandOutcome): void {
  if (!outcome.done) throw new Refusal(outcome.code, outcome.message);
}
