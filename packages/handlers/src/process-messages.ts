import type { WorkerCount } from "./requests.ts";
import type { CheckedOptions } from "./serve-options.ts";

/** What a process of a handler is told at its start. */
export type HandlerInit = Omit<CheckedOptions, "log">;

/** What the front asks a process. */
export type ToHandlerProcess =
  /** Answered with `HandlerCounts`. */
  { readonly kind: "counts" } | { readonly kind: "close"; readonly drainMs: number };

/** What a process has done, and has. */
export interface HandlerCounts {
  /** Its page of metrics, with its number where its workers have theirs. */
  readonly metrics: string;
  readonly workers: WorkerCount;
}

/** What a process asks the front. */
export type ToHandlerFront =
  /** Answered with the page of all. */
  | { readonly kind: "metrics" }
  /** Answered with `WorkerCount`, of all. */
  | { readonly kind: "workers" }
  | { readonly kind: "log"; readonly line: string };
