import { StrainflowError } from "@strainflow/series";

/** Bytes that are not what the Arrow format, or its schema for strain, says they are. */
export function malformed(what: string, details: Readonly<Record<string, unknown>> = {}): StrainflowError {
  return new StrainflowError(
    "arrow-malformed",
    `Arrow: ${what}; the bytes are damaged, cut short or not of this format`,
    { details },
  );
}

/** Valid Arrow that this package does not read or write. */
export function unsupported(what: string, details: Readonly<Record<string, unknown>> = {}): StrainflowError {
  return new StrainflowError("arrow-unsupported", `Arrow: ${what}`, { details });
}

/** More than a limit allows; `limit` is the option to raise. */
export function tooLarge(what: string, limit: string, allowed: number): StrainflowError {
  return new StrainflowError(
    "arrow-too-large",
    `Arrow: ${what}, and ${limit} allows ${allowed}; raise ${limit} if the sender is trusted`,
    { details: { limit, allowed } },
  );
}
