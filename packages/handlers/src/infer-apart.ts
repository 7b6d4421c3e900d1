import type { CompleteHandler } from "./handler.ts";
import { failed, failureOf, type Outcome } from "./outcome.ts";
import { OutOfTime, within } from "./within.ts";

export interface Prepared {
  readonly messages: readonly unknown[];
  /** What `processRequest` made of them. */
  readonly batch: unknown;
  /** What it threw instead. */
  readonly broken?: { readonly error: unknown } | undefined;
  readonly stageTimeoutMs: number;
}

/**
 * Runs a batch. Where it fails, halves of it are run, and halves of those that fail again, until those messages are
 * found that fail by themselves: 2·log₂(n) runs for one among n. Where it hangs, each message is run alone and all at
 * once: halving would take the limit again at every step.
 */
export async function inferApart(
  handler: CompleteHandler,
  { messages, batch, broken, stageTimeoutMs }: Prepared,
): Promise<readonly Outcome[]> {
  const whole = broken ?? (await infer(handler, batch, messages.length, stageTimeoutMs));
  if ("items" in whole) return whole.items;
  if (messages.length === 1) return [failureOf(whole.error)];
  const run = async (some: readonly unknown[]): Promise<readonly Outcome[]> => {
    const prepared = await prepare(handler, some, stageTimeoutMs);
    return inferApart(handler, { messages: some, stageTimeoutMs, ...prepared });
  };
  if (whole.error instanceof OutOfTime)
    return (await Promise.all(messages.map((message) => run([message])))).flat();
  const middle = messages.length >> 1;
  return [...(await run(messages.slice(0, middle))), ...(await run(messages.slice(middle)))];
}

async function prepare(
  handler: CompleteHandler,
  messages: readonly unknown[],
  stageTimeoutMs: number,
): Promise<Pick<Prepared, "batch" | "broken">> {
  try {
    return { batch: await within(handler.processRequest(messages), stageTimeoutMs, "processRequest") };
  } catch (error) {
    return { batch: undefined, broken: { error } };
  }
}

async function infer(
  handler: CompleteHandler,
  batch: unknown,
  size: number,
  stageTimeoutMs: number,
): Promise<{ readonly items: readonly Outcome[] } | { readonly error: unknown }> {
  try {
    const given = await within(handler.runInference(batch), stageTimeoutMs, "runInference");
    const items: Outcome[] = [];
    for (const value of given) {
      // It may have no end.
      if (items.length === size) return { items: wrongCount(`more than ${size}`, size) };
      items.push({ ok: true, value });
    }
    return { items: items.length === size ? items : wrongCount(String(items.length), size) };
  } catch (error) {
    return { error };
  }
}

/** No half of it could be trusted either: which item is whose is not known. */
function wrongCount(given: string, size: number): Outcome[] {
  const outcome = failed(
    "failed",
    `runInference gave ${given} items for a batch of ${size} messages; it must give one for each, in their order`,
  );
  return new Array<Outcome>(size).fill(outcome);
}
