import type { GapReason } from "@strainflow/series";
import { malformed, tooLarge } from "./errors.ts";

/*
 * Arrow's nulls do not say why there is no value. The reasons travel as JSON in the custom metadata of the record
 * batch, where other readers ignore them.
 */

/** Key of the reasons for nulls that are in the lists. */
export const NULLS_KEY = "strainflow.nulls";
/** Key of gaps too long to write out as nulls: they have no row, and other readers see time jump. */
export const ROWLESS_KEY = "strainflow.rowless_gaps";

/** A gap of a batch: samples `[start, start + size)` counted from the GPS epoch. */
export interface GapNote {
  readonly start: number;
  readonly size: number;
  readonly reason: GapReason;
  readonly detail?: string;
}

const REASONS: Readonly<Record<GapReason, true>> = {
  missing: true,
  lost: true,
  late: true,
  damaged: true,
  overflow: true,
  "not-ready": true,
  "warm-up": true,
  edge: true,
  spoiled: true,
};

export function writeNotes(notes: readonly GapNote[]): string {
  return JSON.stringify(
    notes.map(({ start, size, reason, detail }) =>
      detail === undefined ? [start, size, reason] : [start, size, reason, detail],
    ),
  );
}

/** Reads notes: in order of time, disjoint, each a possible gap. @throws `arrow-malformed`, `arrow-too-large` */
export function readNotes(text: string | undefined, maxBlocks: number): readonly GapNote[] {
  if (text === undefined) return [];
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    throw malformed("the reasons of the gaps are not JSON");
  }
  if (!Array.isArray(list)) throw malformed("the reasons of the gaps are not a list");
  if (list.length > maxBlocks) throw tooLarge(`${list.length} gaps in one batch`, "maxBlocks", maxBlocks);
  let last = Number.MIN_SAFE_INTEGER;
  return list.map((entry: unknown) => {
    const note = readNote(entry);
    if (note === undefined || note.start < last) throw malformed("the reasons of the gaps are not in order");
    last = note.start + note.size;
    return note;
  });
}

function readNote(entry: unknown): GapNote | undefined {
  if (!Array.isArray(entry)) return undefined;
  const [start, size, reason, detail]: readonly unknown[] = entry;
  if (typeof start !== "number" || typeof size !== "number" || !isReason(reason)) return undefined;
  if (
    !Number.isSafeInteger(start) ||
    !Number.isSafeInteger(start + size) ||
    !Number.isInteger(size) ||
    size < 1
  )
    return undefined;
  if (detail === undefined) return { start, size, reason };
  return typeof detail === "string" ? { start, size, reason, detail } : undefined;
}

function isReason(value: unknown): value is GapReason {
  return typeof value === "string" && Object.hasOwn(REASONS, value);
}
