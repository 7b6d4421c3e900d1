import { asRefusal, type StatusCode } from "../refusal.ts";

/** The names of gRPC's status codes, as far as this server ends calls with them. */
export type StatusName = StatusCode | "OK" | "DEADLINE_EXCEEDED" | "PERMISSION_DENIED" | "UNAUTHENTICATED";

export const STATUS: Readonly<Record<StatusName, number>> = {
  OK: 0,
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
};

/** What a call ends with. */
export interface CallStatus {
  readonly code: StatusName;
  /** What the client reads. */
  readonly details: string;
}

/** A status travels in a header, whose size peers limit; a name out of a request may be of any length. */
const MAX_DETAILS = 2000;

/** A thrown value as a call's status. */
export function statusOf(error: unknown): CallStatus {
  const refusal = asRefusal(error);
  return { code: refusal.code, details: refusal.message };
}

/** Printable ASCII but for `%`; what headers begin or end with is no space. */
const PLAIN = /^(?! )[ -$&-~]*(?<! )$/;

/** A text as `grpc-message` carries it: bytes of its UTF-8 that a header cannot hold, and `%`, percent-encoded. */
export function percentEncoded(details: string): string {
  const text = details.slice(0, MAX_DETAILS);
  if (PLAIN.test(text)) return text;
  let encoded = "";
  for (const byte of Buffer.from(text))
    encoded +=
      byte > 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  return encoded;
}
