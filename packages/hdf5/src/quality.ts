import { invalidOption } from "@strainflow/series";
import { hdf5Error } from "./errors.ts";
import type { ChannelFacts, FileFacts, MaskFacts } from "./facts.ts";
import type { Mark } from "./gap-marks.ts";

/** A bit by its name in `DQShortnames` or `InjShortnames`, or by its number in the DQ mask. */
export type QualityBit = string | number;

/**
 * Where a channel must not be used, because a bit that is asked for is not set.
 *
 * @throws `invalid-option` if the masks have no such bit, `hdf5-missing-dataset` if the file has no masks
 */
export function notReadyMarks(
  file: FileFacts,
  channel: ChannelFacts,
  required: readonly QualityBit[],
): Mark[] {
  const bits = required.map((bit) => findBit(file, channel, bit));
  const end = channel.start + channel.size;
  const marks: Mark[] = [];
  for (let at = channel.start, next = at; bits.length > 0 && at < end; at = next) {
    next = Math.min(end, ...bits.map(({ mask }) => entryEnd(mask, at)));
    const unset = bits.filter(({ mask, bit }) => {
      const word = mask.values[Math.floor((at - mask.start) / mask.entrySize)] ?? 0;
      return ((word >>> bit) & 1) === 0;
    });
    if (unset.length === 0) continue;
    const detail = `${channel.channel} ${unset.map(({ name }) => name).join(", ")} not set`;
    const last = marks.at(-1);
    if (last !== undefined && last.end === at && last.detail === detail)
      marks[marks.length - 1] = { ...last, end: next };
    else marks.push({ start: at, end: next, reason: "not-ready", detail });
  }
  return marks;
}

/** The first sample that the mask's next entry stands for. */
function entryEnd(mask: MaskFacts, at: number): number {
  return mask.start + (Math.floor((at - mask.start) / mask.entrySize) + 1) * mask.entrySize;
}

function findBit(
  file: FileFacts,
  channel: ChannelFacts,
  wanted: QualityBit,
): { readonly mask: MaskFacts; readonly bit: number; readonly name: string } {
  if (channel.masks.length === 0)
    throw hdf5Error(
      "hdf5-missing-dataset",
      `${file.path}: there is no data quality in this file (layout ${file.layout}); leave requireQuality out for it`,
      { path: file.path, dataset: "quality/simple/DQmask" },
    );
  for (const mask of channel.masks) {
    const byNumber = typeof wanted === "number" && mask.kind === "quality" && Number.isInteger(wanted);
    const bit = byNumber ? wanted : mask.names.indexOf(String(wanted));
    if (bit >= 0 && bit < 32) return { mask, bit, name: mask.names[bit] ?? `bit ${bit}` };
  }
  throw invalidOption(
    "openHdf5",
    "requireQuality",
    wanted,
    `one of ${channel.masks.flatMap((mask) => mask.names).join(", ")}, or a bit number of the DQ mask (${file.path})`,
  );
}

/** Seconds for which each bit is set. */
export function secondsPerBit(
  mask: MaskFacts,
  sampleRate: number,
): { readonly name: string; readonly description: string; readonly seconds: number }[] {
  const used = Math.max(mask.names.length, 32 - Math.clz32(mask.values.reduce((all, word) => all | word, 0)));
  return Array.from({ length: used }, (_, bit) => ({
    name: mask.names[bit] ?? `bit ${bit}`,
    description: mask.descriptions[bit] ?? "",
    seconds:
      (mask.values.reduce((count, word) => count + ((word >>> bit) & 1), 0) * mask.entrySize) / sampleRate,
  }));
}
