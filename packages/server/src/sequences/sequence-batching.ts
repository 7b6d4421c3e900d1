import { type BatchRules, formBatch } from "../scheduling/form-batch.ts";

/** How sequences share batches; absent where each request runs by itself. */
export type SequenceBatching =
  | {
      /** A sequence keeps its row of the batch from START to END. */
      readonly kind: "direct";
      readonly width: number;
      /** Share of the rows that must be ready, before the delay is over; 0: any one will do. */
      readonly utilization: number;
      readonly delayNs: number;
    }
  | {
      /** Those that are ready fill the batch from the front, whoever waits longest first. */
      readonly kind: "oldest";
      readonly rules: BatchRules;
    };

/** A sequence whose next request could run. */
export interface Candidate {
  /** Its slot. */
  readonly index: number;
  /** Candidates of one key may share a batch. */
  readonly key: string;
  /** It arrived. */
  readonly queuedNs: number;
  /** It became its sequence's next. */
  readonly readyNs: number;
}

/** Run these rows, `undefined` being nobody's; or look again then. */
export type RowChoice<T> =
  | { readonly run: true; readonly rows: readonly (T | undefined)[] }
  | { readonly run: false; readonly untilNs: number };

/** What an idle instance does. `candidates`: in the order of their slots, one at least. */
export function chooseRows<T extends Candidate>(
  candidates: readonly T[],
  batching: SequenceBatching,
  nowNs: number,
): RowChoice<T> {
  return batching.kind === "direct"
    ? direct(candidates, batching, nowNs)
    : oldest(candidates, batching.rules, nowNs);
}

/** Each in the row of its slot; what does not fit the first of them waits, and its row is nobody's. */
function direct<T extends Candidate>(
  candidates: readonly T[],
  { width, utilization, delayNs }: Extract<SequenceBatching, { kind: "direct" }>,
  nowNs: number,
): RowChoice<T> {
  let oldestNs = Number.POSITIVE_INFINITY;
  for (const { queuedNs } of candidates) oldestNs = Math.min(oldestNs, queuedNs);
  const untilNs = oldestNs + delayNs;
  if (delayNs > 0 && utilization > 0 && candidates.length / width < utilization && nowNs < untilNs)
    return { run: false, untilNs };
  const rows: (T | undefined)[] = [];
  const key = candidates[0]?.key;
  for (const candidate of candidates) {
    if (candidate.key !== key) continue;
    while (rows.length < candidate.index) rows.push(undefined);
    rows.push(candidate);
  }
  return { run: true, rows };
}

function oldest<T extends Candidate>(
  candidates: readonly T[],
  rules: BatchRules,
  nowNs: number,
): RowChoice<T> {
  const inOrder = [...candidates].sort((a, b) => a.readyNs - b.readyNs);
  const items = inOrder.map(({ key, readyNs }) => ({ size: 1, key, queuedNs: readyNs }));
  const choice = formBatch(items, rules, nowNs);
  return choice.run ? { run: true, rows: inOrder.slice(0, choice.count) } : choice;
}
