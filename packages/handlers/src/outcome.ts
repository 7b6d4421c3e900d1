import { OutOfTime } from "./within.ts";

/**
 * Why an item has no answer, in a word. `invalid`: it is no good; `failed`: the handler threw; `timed-out`; `worker-lost`:
 * it was in a worker that died; `overloaded`: too much was under way. Told by the client alone: `unauthenticated`,
 * `unreachable`.
 */
export type FailureCode =
  | "invalid"
  | "failed"
  | "timed-out"
  | "worker-lost"
  | "overloaded"
  | "unauthenticated"
  | "unreachable";

/** An item that has no answer. */
export interface ItemFailure {
  readonly code: FailureCode;
  /** What was wrong, for whoever sent the item. */
  readonly reason: string;
}

/** What became of an item. */
export type Outcome<T = unknown> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: ItemFailure };

/** HTTP's status of each: of a message with several failures, the highest is told. */
export const STATUS: Readonly<Record<FailureCode, number>> = {
  invalid: 400,
  unauthenticated: 401,
  failed: 500,
  "worker-lost": 503,
  overloaded: 503,
  unreachable: 503,
  "timed-out": 504,
};

export function failed(
  code: FailureCode,
  reason: string,
): { readonly ok: false; readonly failure: ItemFailure } {
  return { ok: false, failure: { code, reason } };
}

const MAX_REASON = 500;

/** An error's message for clients: one line, short, and with the names of files but not where they lie. */
export function tellable(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const line = text
    .split("\n", 1)[0]!
    .replace(/(?:file:\/\/)?(?:\/[\w.@+-]+)+\/([\w.@+-]+)/g, "$1")
    .trim();
  if (line === "") return "no reason was given";
  return line.length > MAX_REASON ? `${line.slice(0, MAX_REASON)}…` : line;
}

/** What was thrown, as an outcome. */
export function failureOf(error: unknown): { readonly ok: false; readonly failure: ItemFailure } {
  return failed(error instanceof OutOfTime ? "timed-out" : "failed", tellable(error));
}
