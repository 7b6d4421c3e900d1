import type { InferResult } from "../request.ts";

/** Responses for one loop over them. What it has not taken yet is kept. */
export interface ResponseFeed {
  push(result: InferResult): void;
  /** No more: the loop ends after what is kept, by the error if there is one, the first of them. */
  finish(error: Error | undefined): void;
  readonly iterator: AsyncGenerator<InferResult, void, undefined>;
}

/** @param onLeave told when the loop is left */
export function createResponseFeed(onLeave: () => void): ResponseFeed {
  const kept: InferResult[] = [];
  let failure: Error | undefined;
  let over = false;
  let wake: () => void = () => undefined;

  async function* loop(): AsyncGenerator<InferResult, void, undefined> {
    try {
      for (;;) {
        const next = kept.shift();
        if (next !== undefined) yield next;
        else if (failure !== undefined) throw failure;
        else if (over) return;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      onLeave();
    }
  }

  return {
    push(result) {
      kept.push(result);
      wake();
    },
    finish(error) {
      over = true;
      failure ??= error;
      wake();
    },
    iterator: loop(),
  };
}
