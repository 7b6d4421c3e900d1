import { StrainflowError } from "@strainflow/series";
import { completeHandler, type Handler } from "./handler.ts";
import type { Outcome } from "./outcome.ts";
import { Pipeline } from "./pipeline.ts";

/**
 * Runs messages through a handler as the server would, for its tests: their codec first, then each alone, then all of
 * them in one batch. Give it as many as `maxBatchSize`, and the largest that there are.
 *
 * @returns the answers of the one batch, in order
 * @throws `handler-malformed`, `handler-failed` with the first message that has no answer
 */
export async function validateHandler<In, Batch, Item, Out>(
  handler: Handler<In, Batch, Item, Out>,
  messages: readonly In[],
): Promise<readonly Out[]> {
  const { input = undefined, output = undefined } = handler;
  const complete = completeHandler(handler, "the handler");
  const travelled = messages.map((message) =>
    input === undefined ? message : input.decode(input.encode(message)),
  );
  for (const maxBatchSize of [1, Math.max(1, messages.length)]) {
    const pipeline = new Pipeline(complete, { maxBatchSize, maxQueueMs: 0, stageTimeoutMs: 600_000 });
    const outcomes = await Promise.all(
      travelled.map((message) => new Promise<Outcome>((done) => pipeline.submit(message, done))),
    );
    const index = outcomes.findIndex(({ ok }) => !ok);
    const first = outcomes[index];
    if (first?.ok === false)
      throw new StrainflowError(
        "handler-failed",
        `message ${index}, in batches of ${maxBatchSize}: ${first.failure.reason}`,
        { details: { index, maxBatchSize, code: first.failure.code } },
      );
    if (maxBatchSize === Math.max(1, messages.length))
      return outcomes.flatMap((outcome) => {
        if (!outcome.ok) return [];
        const answer = outcome.value as Out;
        return [output === undefined ? answer : output.decode(output.encode(answer))];
      });
  }
  return [];
}
