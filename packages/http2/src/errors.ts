import { StrainflowError } from "@strainflow/series";
import { ERROR_CODES, type ErrorCode } from "./protocol.ts";

/**
 * `http2-protocol`: the other side broke HTTP/2's rules, so that nothing that it says can be trusted any more. `code` is
 * what it is told.
 */
export function protocolFault(code: ErrorCode, message: string): StrainflowError {
  return new StrainflowError("http2-protocol", `the peer broke HTTP/2's rules (${code}): ${message}`, {
    details: { code: ERROR_CODES[code] },
  });
}

/** `http2-lost`: the connection is gone, or is to have no new streams. */
export function connectionLost(message: string, cause?: unknown): StrainflowError {
  return new StrainflowError("http2-lost", message, { cause });
}

/** The number that an error tells the other side. */
export function codeOf(error: unknown): number {
  const code = error instanceof StrainflowError ? error.details["code"] : undefined;
  return typeof code === "number" ? code : ERROR_CODES.INTERNAL_ERROR;
}
