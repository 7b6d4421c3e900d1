import { constants, type IncomingHttpHeaders } from "node:http2";

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
}

export function grpcFailure(status: GrpcStatus, details: string): GrpcFailure {
  return Object.assign(new Error(`${status}: ${details}`), { status, details });
}

/** The connection went away under a call. */
export function lostFailure(details: string): GrpcFailure {
  return grpcFailure("UNAVAILABLE", details);
}

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
export function statusOf(trailers: IncomingHttpHeaders): GrpcFailure | undefined {
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
export function resetFailure(
  code: number,
  details: string = `the stream was reset (HTTP/2 code ${code})`,
): GrpcFailure {
  return grpcFailure(RESETS.get(code) ?? "INTERNAL", details);
}

const RESETS: ReadonlyMap<number, GrpcStatus> = new Map([
  [constants.NGHTTP2_REFUSED_STREAM, "UNAVAILABLE"],
  [constants.NGHTTP2_CANCEL, "CANCELLED"],
  [constants.NGHTTP2_ENHANCE_YOUR_CALM, "RESOURCE_EXHAUSTED"],
  [constants.NGHTTP2_INADEQUATE_SECURITY, "PERMISSION_DENIED"],
]);

/** `grpc-message` is percent-encoded UTF-8; what does not decode is shown as it came. */
function percentDecoded(message: string | string[] | undefined): string {
  const text = Array.isArray(message) ? message.join(", ") : (message ?? "no reason was given");
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
