import { ERROR_CODES } from "@strainflow/http2";

/** gRPC's status names, by number. https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
const STATUS_NAMES = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
] as const;

export type GrpcStatus = (typeof STATUS_NAMES)[number];

/** How a call failed, as gRPC says it. */
export interface GrpcFailure extends Error {
  readonly status: GrpcStatus;
  /** The server's own words. */
  readonly details: string;
  /** Nobody has looked at the call: it is safe to make again. */
  readonly refused?: true;
}

export function grpcFailure(status: GrpcStatus, details: string): GrpcFailure {
  return Object.assign(new Error(`${status}: ${details}`), { status, details });
}

/** The connection went away under a call. */
export function lostFailure(details: string): GrpcFailure {
  return grpcFailure("UNAVAILABLE", details);
}

/** The call was not made: the connection went away before it, or the server will not look at it. */
export function refusedFailure(details: string): GrpcFailure {
  return Object.assign(lostFailure(details), { refused: true as const });
}

/** How often a call is made that nobody looks at: a server that turns three connections away is not for us. */
export const MAX_ATTEMPTS = 3;

/** What a call says that its own caller has given up. */
export const ABORTED = "given up by the caller";

export function abortedFailure(): GrpcFailure {
  return grpcFailure("CANCELLED", ABORTED);
}

export function isGrpcFailure(error: unknown): error is GrpcFailure {
  return error instanceof Error && "status" in error && "details" in error;
}

/** What a status code says: nothing if all went well. */
export function codeFailure(code: number, details: string): GrpcFailure | undefined {
  return code === 0 ? undefined : grpcFailure(STATUS_NAMES[code] ?? "UNKNOWN", details);
}

/** What the trailers say: nothing if all went well. */
export function statusOf(trailers: Readonly<Record<string, string>>): GrpcFailure | undefined {
  return codeFailure(Number(trailers["grpc-status"] ?? 2), percentDecoded(trailers["grpc-message"]));
}

/** An answer that is not gRPC's. https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md */
export function httpFailure(status: number): GrpcFailure {
  return grpcFailure(
    HTTP_STATUSES.get(status) ?? "UNKNOWN",
    `HTTP status ${status}: no gRPC server's answer`,
  );
}

const HTTP_STATUSES: ReadonlyMap<number, GrpcStatus> = new Map([
  [400, "INTERNAL"],
  [401, "UNAUTHENTICATED"],
  [403, "PERMISSION_DENIED"],
  [404, "UNIMPLEMENTED"],
  [429, "UNAVAILABLE"],
  [502, "UNAVAILABLE"],
  [503, "UNAVAILABLE"],
  [504, "UNAVAILABLE"],
]);

/** A deadline, from now on. At most eight digits, says gRPC: hours and days are told in seconds. */
export function grpcTimeout(ms: number): string {
  return ms < 1e8 ? `${ms}m` : `${Math.min(99_999_999, Math.round(ms / 1000))}S`;
}

/** A stream that the peer has reset. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#errors */
export function resetFailure(code: number, details: string): GrpcFailure {
  return grpcFailure(RESETS.get(code) ?? "INTERNAL", details);
}

const RESETS: ReadonlyMap<number, GrpcStatus> = new Map([
  [ERROR_CODES.REFUSED_STREAM, "UNAVAILABLE"],
  [ERROR_CODES.CANCEL, "CANCELLED"],
  [ERROR_CODES.ENHANCE_YOUR_CALM, "RESOURCE_EXHAUSTED"],
  [ERROR_CODES.INADEQUATE_SECURITY, "PERMISSION_DENIED"],
]);

/** `grpc-message` is percent-encoded UTF-8; what does not decode is shown as it came. */
function percentDecoded(message = "no reason was given"): string {
  try {
    return decodeURIComponent(message);
  } catch {
    return message;
  }
}
