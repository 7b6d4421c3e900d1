import type { Baseline } from "./baseline.mjs";
import type { Line } from "./pairs.mjs";

export function figure(value: number | null): string;
export function rowsOf(lines: readonly Line[], baseline: Baseline): string[][];
export function renderTable(lines: readonly Line[], baseline: Baseline): string;
