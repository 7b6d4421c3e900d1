/** What a batch is formed of. */
export interface BatchItem {
  /** Elements along the first dimension. */
  readonly size: number;
  /** Items of one key may share a batch. */
  readonly key: string;
  readonly queuedNs: number;
}

export interface BatchRules {
  /** Sizes to run at once where they can be had; the largest one is what a batch is grown to. */
  readonly preferred: readonly number[];
  readonly maxSize: number;
  /** How long an item waits for others; 0: not at all. */
  readonly delayNs: number;
}

/** Run the first `count` now, or look again at `untilNs`. */
export type BatchChoice =
  | { readonly run: true; readonly count: number }
  | { readonly run: false; readonly untilNs: number };

/**
 * Triton's rule for an idle instance. Items are taken in order as long as they fit together. A preferred size runs at
 * once; what lies between preferred sizes waits, and runs as it is when the delay of its oldest is over, when it cannot
 * grow, or when it is larger than every preferred size.
 */
export function formBatch(items: Iterable<BatchItem>, rules: BatchRules, nowNs: number): BatchChoice {
  const { preferred, maxSize, delayNs } = rules;
  let largest = 0;
  for (const size of preferred) if (size > largest) largest = size;
  let key: string | undefined;
  let size = 0;
  let count = 0;
  let preferredCount = 0;
  let oldestNs = Number.POSITIVE_INFINITY;
  let stuck = false;
  for (const item of items) {
    if (count > 0) {
      if (size + item.size > largest && preferredCount === 0) preferredCount = count;
      if (size + item.size > maxSize || item.key !== key) {
        stuck = true;
        break;
      }
    }
    key = item.key;
    size += item.size;
    count += 1;
    if (item.queuedNs < oldestNs) oldestNs = item.queuedNs;
    if (preferred.includes(size)) preferredCount = count;
    if (size >= maxSize) break;
  }
  const late = delayNs > 0 && nowNs >= oldestNs + delayNs;
  if (preferredCount > 0 && !late) return { run: true, count: preferredCount };
  if (stuck || size >= largest || late || delayNs === 0) return { run: true, count };
  return { run: false, untilNs: oldestNs + delayNs };
}
