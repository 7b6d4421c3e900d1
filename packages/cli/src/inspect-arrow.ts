import { stat } from "node:fs/promises";
import { openArrow } from "@strainflow/arrow";
import { endOf, isStrainflowError, type Quantity, type Reader } from "@strainflow/series";
import type { FileInspection, InspectedGap } from "./inspect-file.ts";

/** What an Arrow file may hold; it says so itself, and is refused under another name. */
const QUANTITIES = ["strain", "whitened", "score"] as const;

/** What an Arrow file or stream holds; all of it is read, for its gaps, unless `scan` is false. */
export async function inspectArrow(path: string, scan: boolean): Promise<FileInspection> {
  const reader = await openAny(path);
  const { sampleRate, channels } = reader.format;
  const gaps: InspectedGap[] = [];
  let end = reader.end ?? reader.start;
  let dtype: "float32" | "float64" | undefined;
  if (scan)
    for await (const block of reader.blocks({ signal: new AbortController().signal })) {
      end = Math.max(end, endOf(block));
      if (block.kind === "series") {
        dtype ??= block.data[0] instanceof Float32Array ? "float32" : "float64";
        continue;
      }
      const { start, reason, detail } = block;
      const last = gaps.at(-1);
      if (last !== undefined && last.end === start && last.reason === reason && last.detail === detail)
        gaps[gaps.length - 1] = { ...last, end: endOf(block) };
      else gaps.push({ start, end: endOf(block), reason, ...(detail === undefined ? {} : { detail }) });
    }
  return {
    path,
    layout: "arrow",
    byteSize: (await stat(path)).size,
    channels: channels.map((channel) => ({
      channel,
      dataset: channel,
      sampleRate,
      start: reader.start,
      size: end - reader.start,
      unit: "",
      ...(dtype === undefined ? {} : { dtype }),
      stored: "record batches",
      quality: [],
      ...(scan ? { gaps } : {}),
    })),
  };
}

async function openAny(path: string): Promise<Reader<Quantity>> {
  let first: unknown;
  for (const quantity of QUANTITIES) {
    try {
      return await openArrow<Quantity>(path, { quantity });
    } catch (error) {
      if (!isStrainflowError(error, "arrow-unsupported")) throw error;
      first ??= error;
    }
  }
  throw first;
}
