import { invalidOption } from "@strainflow/series";

/**
 * What untrusted bytes may ask for. Everything is checked before memory is taken for it; samples are views of the bytes
 * that came in, so the bytes of a message or batch also bound the memory of its decoded form.
 */
export interface ArrowLimits {
  /** Bytes of a message, or of one record batch of a file. Default 256 MiB: 16 channels of 16384 Hz for two minutes. */
  readonly maxBytes?: number;
  /** Columns of a schema. Default 1024. */
  readonly maxChannels?: number;
  /**
   * Blocks that one message or batch may break into. Default 16384: nulls on every second sample would make
   * objects a hundred times larger than the bytes that describe them.
   */
  readonly maxBlocks?: number;
}

export interface CheckedLimits {
  readonly maxBytes: number;
  readonly maxChannels: number;
  readonly maxBlocks: number;
}

/** Bytes of a message's metadata: ten times what 1024 channels and 16384 gaps need. */
export const MAX_METADATA_BYTES: number = 4 * 1024 * 1024;

export function checkLimits(where: string, limits: ArrowLimits): CheckedLimits {
  const checked = {
    maxBytes: limits.maxBytes ?? 256 * 1024 * 1024,
    maxChannels: limits.maxChannels ?? 1024,
    maxBlocks: limits.maxBlocks ?? 16_384,
  };
  for (const [name, value] of Object.entries(checked))
    if (!Number.isSafeInteger(value) || value < 1)
      throw invalidOption(where, name, value, "a whole number ≥ 1");
  return checked;
}
