import type { IncomingHttpHeaders } from "node:http2";

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

export function isGrpcFailure(error: unknown): error is GrpcFailure {
  return error instanceof Error && "status" in error && "details" in error;
}

/** What the trailers say: nothing if all went well. */
export function statusOf(trailers: IncomingHttpHeaders): GrpcFailure | undefined {
  const code = Number(trailers["grpc-status"] ?? 2);
  if (code === 0) return undefined;
  return grpcFailure(STATUS_NAMES[code] ?? "UNKNOWN", percentDecoded(trailers["grpc-message"]));
}

/** `grpc-message` is percent-encoded UTF-8; what does not decode is shown as it came. */
function percentDecoded(message: string | string[] | undefined): string {
  const text = Array.isArray(message) ? message.join(", ") : (message ?? "no reason was given");
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
