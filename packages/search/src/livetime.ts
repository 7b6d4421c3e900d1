import { endNs, type GapCategory, type GapReason, gapCategory, startNs } from "@strainflow/series";
import type { RankedTriggersBlock } from "@strainflow/steps";

/** A stretch of the search, in GPS nanoseconds: searched, or why not. */
export interface SearchSegment {
  readonly startNs: bigint;
  readonly endNs: bigint;
  /** Absent where the stretch was searched. */
  readonly reason?: GapReason;
  readonly detail?: string;
}

/** Where a search looked, and where not and why. The parts add up to the whole, to the output. */
export interface Livetime {
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly searchedSeconds: number;
  readonly gapSeconds: number;
  /** Gap seconds by kind: not there, vetoed, not searched. */
  readonly byCategory: Readonly<Record<GapCategory, number>>;
  readonly byReason: Readonly<Partial<Record<GapReason, number>>>;
  readonly segments: readonly SearchSegment[];
}

/** Keeps count of what a search has covered. */
export interface LivetimeCounter {
  add(block: RankedTriggersBlock): void;
  result(): Livetime;
}

/** @returns a counter that takes ranked blocks, contiguous, as they come */
export function countLivetime(): LivetimeCounter {
  const segments: SearchSegment[] = [];
  return {
    add(block) {
      const reason = block.kind === "gap" ? block.reason : undefined;
      const detail = block.kind === "gap" ? block.detail : undefined;
      const last = segments.at(-1);
      if (
        last !== undefined &&
        last.reason === reason &&
        last.detail === detail &&
        last.endNs === startNs(block)
      )
        segments[segments.length - 1] = { ...last, endNs: endNs(block) };
      else
        segments.push({
          startNs: startNs(block),
          endNs: endNs(block),
          ...(reason === undefined ? {} : { reason }),
          ...(detail === undefined ? {} : { detail }),
        });
    },
    result() {
      const seconds = (segment: SearchSegment): number => Number(segment.endNs - segment.startNs) / 1e9;
      const byCategory = { missing: 0, "not-ready": 0, "not-searched": 0 };
      const byReason: Partial<Record<GapReason, number>> = {};
      let searchedSeconds = 0;
      for (const segment of segments) {
        const { reason } = segment;
        if (reason === undefined) {
          searchedSeconds += seconds(segment);
          continue;
        }
        byCategory[gapCategory(reason)] += seconds(segment);
        byReason[reason] = (byReason[reason] ?? 0) + seconds(segment);
      }
      return {
        startNs: segments[0]?.startNs ?? 0n,
        endNs: segments.at(-1)?.endNs ?? 0n,
        searchedSeconds,
        gapSeconds: byCategory.missing + byCategory["not-ready"] + byCategory["not-searched"],
        byCategory,
        byReason,
        segments,
      };
    },
  };
}
