import { StrainflowError } from "@strainflow/series";

/** What every kind of block says about its place. */
export interface Placed {
  readonly start: number;
  readonly sampleRate: number;
  readonly channels: readonly string[];
}

/**
 * Checks that a block is of the format that a step was made for, and begins where the last one ended.
 *
 * @throws `not-contiguous` if it leaves a hole, goes back, or changes rate or channels
 */
export function checkPlace(
  where: string,
  format: { readonly sampleRate: number; readonly channels?: readonly string[] },
  expected: number | undefined,
  block: Placed,
): void {
  const { channels = block.channels } = format;
  if (block.sampleRate !== format.sampleRate || block.channels.length !== channels.length)
    throw new StrainflowError(
      "not-contiguous",
      `${where}: it was made for ${channels.length} channels at ${format.sampleRate} Hz and was given ` +
        `${block.channels.length} (${block.channels.join(", ")}) at ${block.sampleRate} Hz; create it with the stream's own format`,
      { details: { expected: format, sampleRate: block.sampleRate, channels: block.channels } },
    );
  if (expected !== undefined && block.start !== expected)
    throw new StrainflowError(
      "not-contiguous",
      `${where}: a block begins at sample ${block.start} where ${expected} was due ` +
        `(${block.start - expected} samples at ${block.sampleRate} Hz off); a source marks what is missing as a gap`,
      { details: { expected, start: block.start } },
    );
}
