import { StrainflowError } from "@strainflow/series";
import type { CallFacts } from "../errors.ts";

/** `aborted` or `deadline-exceeded`, about a request on a stream: the stream itself goes on. */
export function givenUp(
  tag: "aborted" | "deadline-exceeded",
  facts: CallFacts,
  cause: unknown,
): StrainflowError {
  const why = tag === "aborted" ? "its caller wanted it no more" : String(cause);
  return new StrainflowError(
    tag,
    `request ${facts.requestId} to model "${facts.modelName}" was given up: ${why}`,
    { cause, details: { ...facts } },
  );
}

/**
 * Ends the waiting for an answer by its time limit or signal.
 *
 * @returns what lifts both again
 */
export function limitWait(
  {
    timeoutMs,
    signal,
  }: { readonly timeoutMs?: number | undefined; readonly signal?: AbortSignal | undefined },
  facts: CallFacts,
  giveUp: (error: Error) => void,
): () => void {
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(
          () => giveUp(givenUp("deadline-exceeded", facts, `no answer within ${timeoutMs} ms`)),
          timeoutMs,
        );
  const abort = (): void => giveUp(givenUp("aborted", facts, signal?.reason));
  signal?.addEventListener("abort", abort);
  return () => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  };
}
