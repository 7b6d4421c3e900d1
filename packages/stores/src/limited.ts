/**
 * Does work on every item, at most `limit` at a time, and returns when none is going on any more: also where one
 * failed, so that what is undone then is not overtaken by what was still under way.
 *
 * @throws the first error
 */
export async function eachLimited<T>(
  items: Iterable<T>,
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = [...items];
  let failed: { readonly error: unknown } | undefined;
  const worker = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined && failed === undefined; item = waiting.shift())
      try {
        await work(item);
      } catch (error) {
        failed ??= { error };
      }
  };
  await Promise.all(Array.from({ length: Math.min(limit, waiting.length) }, worker));
  if (failed !== undefined) throw failed.error;
}
