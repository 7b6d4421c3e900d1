import { open } from "node:fs/promises";
import { type ChannelInspection, inspectHdf5 } from "@strainflow/hdf5";
import { type GapReason, indexToNs, StrainflowError } from "@strainflow/series";
import { inspectArrow } from "./inspect-arrow.ts";

/** A stretch without usable samples, in samples since the GPS epoch. */
export interface InspectedGap {
  readonly start: number;
  readonly end: number;
  readonly reason: GapReason;
  readonly detail?: string;
}

export interface InspectedChannel {
  readonly channel: string;
  readonly dataset: string;
  /** Hz. */
  readonly sampleRate: number;
  /** First sample, counted from the GPS epoch. */
  readonly start: number;
  /** Samples. */
  readonly size: number;
  readonly unit: string;
  readonly dtype?: "float32" | "float64";
  /** How samples lie in the file: `chunks of 4096, gzip`. */
  readonly stored: string;
  readonly quality: ChannelInspection["quality"];
  /** Absent where the samples were not read. */
  readonly gaps?: readonly InspectedGap[];
}

/** What one file holds, whatever its format. */
export interface FileInspection {
  readonly path: string;
  readonly layout: "gwosc" | "gwpy" | "aframe" | "arrow";
  readonly byteSize: number;
  readonly channels: readonly InspectedChannel[];
}

/**
 * Looks into a strain file: HDF5 or Arrow, told apart by its first bytes.
 *
 * @param scan whether to read all samples, for gaps and damage
 * @throws `file-not-found`, and the readers' errors
 */
export async function inspectStrain(
  path: string,
  options: { readonly scan: boolean; readonly signal: AbortSignal },
): Promise<FileInspection> {
  if (await isArrow(path)) return inspectArrow(path, options.scan);
  const { channels, ...file } = await inspectHdf5(path, options);
  return {
    ...file,
    channels: channels.map(({ chunkSize, filters, ...channel }) => ({
      ...channel,
      stored: `${chunkSize > 0 ? `chunks of ${chunkSize}` : "in one piece"}, ${
        filters.length > 0
          ? filters.map((name) => (name === "deflate" ? "gzip" : name)).join(" + ")
          : "not compressed"
      }`,
    })),
  };
}

async function isArrow(path: string): Promise<boolean> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, "r");
  } catch (cause) {
    const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    throw new StrainflowError(
      "file-not-found",
      missing
        ? `${path}: there is no such file`
        : `${path} cannot be opened (${cause instanceof Error ? cause.message : String(cause)})`,
      { cause, details: { path } },
    );
  }
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(8), 0, 8, 0);
    const text = new TextDecoder("latin1").decode(buffer.subarray(0, bytesRead));
    // A stream has no name in front, but begins with a continuation mark; HDF5 with its own signature.
    return text.startsWith("ARROW1") || text.startsWith("\u00ff\u00ff\u00ff\u00ff");
  } catch (cause) {
    throw new StrainflowError(
      "file-not-found",
      `${path} cannot be read (${cause instanceof Error ? cause.message : String(cause)}); name a file`,
      { cause, details: { path } },
    );
  } finally {
    await file.close();
  }
}

/** As a JSON object: GPS nanoseconds as strings, seconds for reading. */
export function inspectionRecord(file: FileInspection): Record<string, unknown> {
  return {
    type: "file",
    path: file.path,
    layout: file.layout,
    byteSize: file.byteSize,
    channels: file.channels.map(({ start, size, gaps, ...channel }) => ({
      ...channel,
      startNs: indexToNs(start, channel.sampleRate).toString(),
      endNs: indexToNs(start + size, channel.sampleRate).toString(),
      size,
      seconds: size / channel.sampleRate,
      ...(gaps === undefined
        ? {}
        : {
            gaps: gaps.map(({ start: from, end, ...gap }) => ({
              startNs: indexToNs(from, channel.sampleRate).toString(),
              endNs: indexToNs(end, channel.sampleRate).toString(),
              seconds: (end - from) / channel.sampleRate,
              ...gap,
            })),
          }),
    })),
  };
}
