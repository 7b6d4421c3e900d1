import type { Line } from "./pairs.mjs";

export type Baseline = Readonly<Record<string, number>>;
export const NOISE: number;
export function readBaseline(): Promise<Baseline>;
export function writeBaseline(baseline: Baseline): Promise<void>;
export function updatedBaseline(
  baseline: Baseline,
  lines: readonly Pick<Line, "name" | "ratio" | "baseline">[],
): Baseline;
export function changeOf(baseline: Baseline, line: Pick<Line, "name" | "ratio">): string;
