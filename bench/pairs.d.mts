export interface Pair {
  readonly ours: number;
  readonly theirs: number;
}
export type Sample = { readonly ours: number; readonly theirs?: number };
export interface Line {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly against: string | null;
  readonly ratio: number | null;
  readonly goal: number | null;
  readonly met: boolean | null;
  readonly samples: readonly Sample[];
  readonly note?: string;
  /** `false`: not to be kept as a baseline. */
  readonly baseline?: boolean;
}
export function median(values: readonly number[]): number;
export function measurePairs(
  count: number,
  ours: () => number | Promise<number>,
  theirs: () => number | Promise<number>,
): Promise<Pair[]>;
export function measureAlone(
  count: number,
  ours: () => number | Promise<number>,
): Promise<{ readonly ours: number }[]>;
export function outcome(facts: {
  readonly name: string;
  readonly unit: string;
  readonly against?: string;
  readonly samples: readonly Sample[];
  readonly goal?: number;
  readonly cost?: boolean;
  readonly note?: string;
}): Line;
