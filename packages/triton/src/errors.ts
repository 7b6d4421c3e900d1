import { StrainflowError } from "@strainflow/series";
import type { GrpcStatus } from "./transport/grpc-status.ts";

/** Why a stream was given up. */
export type LostReason =
  /** No connection could be made within `connectTimeoutMs`. */
  | "connect"
  /** The connection or the call ended while it was in use; CANCELLED by the other side counts too. */
  | "transport"
  /** Requests were in flight and nothing came back within `responseTimeoutMs`. */
  | "watchdog"
  /** A response could not be parsed: what follows on this stream cannot be trusted. */
  | "malformed";

interface LostFacts {
  readonly address: string;
  readonly modelName: string;
  readonly reason: LostReason;
  readonly message: string;
  /** Id of the oldest request without an answer. */
  readonly requestId?: string | undefined;
  readonly sequenceId?: bigint | string | undefined;
  readonly inFlight: number;
  readonly cause?: unknown;
}

/** `stream-lost`: nothing more will come on this call, and what was in flight has no answer. */
export function streamLost(facts: LostFacts): StrainflowError {
  const { address, modelName, reason, message, requestId, sequenceId, inFlight, cause } = facts;
  const sequence = sequenceId === undefined ? "" : `, sequence ${sequenceId}`;
  return new StrainflowError(
    "stream-lost",
    `the stream to model "${modelName}" at ${address} is lost (${message}${sequence}; ${inFlight} requests unanswered); ` +
      "end the sequence by its id, and begin a new one on a new stream",
    { cause, details: { address, modelName, reason, requestId, sequenceId, inFlight } },
  );
}

/** `infer-refused`: the server answered one request with an error; the stream goes on. */
export function inferRefused(facts: {
  readonly modelName: string;
  readonly requestId: string;
  readonly sequenceId?: bigint | string | undefined;
  readonly message: string;
}): StrainflowError {
  const { modelName, requestId, sequenceId, message } = facts;
  const sequence = sequenceId === undefined ? "" : ` of sequence ${sequenceId}`;
  return new StrainflowError(
    "infer-refused",
    `model "${modelName}" refused request ${requestId || "(without id)"}${sequence}: ${message}`,
    { details: { modelName, requestId, sequenceId, serverMessage: message } },
  );
}

/** `malformed-response`: bytes from the server that are not what the protocol says. */
export function malformedResponse(message: string, details: Record<string, unknown> = {}): StrainflowError {
  return new StrainflowError("malformed-response", message, { details });
}

/** `invalid-request`: a request that cannot be put on the wire. */
export function invalidRequest(message: string, details: Record<string, unknown> = {}): StrainflowError {
  return new StrainflowError("invalid-request", message, { details });
}

/** What a call was about, for its errors. */
export interface CallFacts {
  readonly modelName?: string | undefined;
  readonly requestId?: string | undefined;
  readonly sequenceId?: bigint | string | undefined;
}

interface FailureFacts {
  readonly address: string;
  readonly method: string;
  readonly status: GrpcStatus;
  readonly serverMessage: string;
  readonly signal?: AbortSignal | undefined;
  readonly cause?: unknown;
}

const NO_MODEL = /unknown model|has no available versions|is not found/i;

/**
 * The error of a call that failed: `aborted` (by its signal), `model-not-found` (NOT_FOUND, about a model),
 * `deadline-exceeded` (no answer in time), `server-unavailable` (UNAVAILABLE), `rpc-failed` (any other status). The
 * status is in `details.status`, the server's own words in `details.serverMessage`, and beside them the model, request
 * and sequence that the call was about.
 */
export function callFailed(failure: FailureFacts, facts: CallFacts): StrainflowError {
  const { address, method, status, serverMessage, signal, cause } = failure;
  const { modelName, requestId, sequenceId } = facts;
  const about = [
    modelName === undefined || modelName === "" ? "" : ` for model "${modelName}"`,
    requestId === undefined || requestId === "" ? "" : `, request ${requestId}`,
    sequenceId === undefined ? "" : `, sequence ${sequenceId}`,
  ].join("");
  return new StrainflowError(
    signal?.aborted ? "aborted" : tagOf(status, serverMessage),
    `${method}${about} at ${address}: ${serverMessage} (${status})`,
    {
      cause: signal?.aborted ? signal.reason : cause,
      details: { address, method, status, serverMessage, modelName, requestId, sequenceId },
    },
  );
}

function tagOf(status: GrpcStatus, message: string): string {
  switch (status) {
    case "NOT_FOUND":
      return NO_MODEL.test(message) ? "model-not-found" : "rpc-failed";
    case "DEADLINE_EXCEEDED":
      return "deadline-exceeded";
    case "UNAVAILABLE":
      // Triton's word for what it was told not to do: it is there, and will not.
      return /polling is enabled/.test(message) ? "rpc-failed" : "server-unavailable";
    default:
      return "rpc-failed";
  }
}
