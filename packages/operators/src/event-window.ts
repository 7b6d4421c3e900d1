export interface WindowOptions<I, O> {
  /** Items that may run at once. */
  readonly concurrency: number;
  /** Sum of weights that may run at once; an item that is heavier runs alone. */
  readonly maxWeight: number;
  readonly weightOf: (item: I) => number;
  /** Items that may be under way or finished and not yet given on: what a slow one may hold up. */
  readonly maxHeld: number;
  /** Whether results come in the order of the items, or as they are finished. */
  readonly ordered: boolean;
  /** Does the work. Its rejection ends the whole; the signal is aborted once nobody waits any more. */
  readonly run: (item: I, signal: AbortSignal) => Promise<O>;
}

interface Entry<O> {
  result?: { readonly value: O } | { readonly error: unknown };
}

/**
 * Runs work on the items of a source, a bounded number of them at a time.
 *
 * It is pulled: no item is taken before there is room for it, and none is begun while nobody asks for results. An
 * RxJS `mergeMap(…, n)` bounds what runs, but takes from its source, and keeps, as much as that has.
 */
export async function* runWindow<I, O>(
  source: AsyncIterable<I> | Iterable<I>,
  options: WindowOptions<I, O>,
  signal?: AbortSignal,
): AsyncGenerator<O, void, undefined> {
  const { concurrency, maxWeight, maxHeld, ordered, weightOf, run } = options;
  const iterator =
    Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  const over = new AbortController();
  const entries: Entry<O>[] = [];
  let running = 0;
  let weight = 0;
  let pulling = false;
  let pulled: { readonly item: I } | undefined;
  let ended: { readonly error?: unknown } | undefined;
  let wake = (): void => {};

  function start(item: I): void {
    const entry: Entry<O> = {};
    const own = weightOf(item);
    entries.push(entry);
    running++;
    weight += own;
    const finish = (result: NonNullable<Entry<O>["result"]>): void => {
      entry.result = result;
      running--;
      weight -= own;
      wake();
    };
    run(item, over.signal).then(
      (value) => finish({ value }),
      (error: unknown) => finish({ error }),
    );
  }

  async function pull(): Promise<void> {
    pulling = true;
    try {
      const next = await iterator.next();
      if (next.done === true) ended = {};
      else pulled = { item: next.value };
    } catch (error) {
      ended = { error };
    }
    pulling = false;
    wake();
  }

  const onAbort = (): void => wake();
  signal?.addEventListener("abort", onAbort);
  try {
    for (;;) {
      signal?.throwIfAborted();
      if (pulled !== undefined && (running === 0 || weight + weightOf(pulled.item) <= maxWeight)) {
        start(pulled.item);
        pulled = undefined;
      }
      const room = running < concurrency && entries.length < maxHeld;
      if (room && pulled === undefined && ended === undefined && !pulling) void pull();

      const at = ordered ? 0 : entries.findIndex((entry) => entry.result !== undefined);
      const result = entries[at]?.result;
      if (result !== undefined) {
        entries.splice(at, 1);
        if ("error" in result) throw result.error;
        yield result.value;
      } else if (ended !== undefined && pulled === undefined && entries.length === 0) {
        if ("error" in ended) throw ended.error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    signal?.removeEventListener("abort", onAbort);
    over.abort();
    // A source that is being waited for closes once it has answered; nobody waits for that.
    if (ended === undefined) void Promise.resolve(iterator.return?.()).catch(() => {});
  }
}
