import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { GRPCInferenceService } from "@strainflow/proto";
import { StrainflowError } from "@strainflow/series";
import type { Transport } from "./transport.ts";

/** A method that takes one request and gives one response. */
export interface UnaryMethod<I extends DescMessage, O extends DescMessage> {
  readonly name: string;
  readonly input: I;
  readonly output: O;
}

/**
 * Calls a method of the inference service.
 *
 * @throws `model-not-found` (gRPC's NOT_FOUND), `server-unavailable` (UNAVAILABLE, or no answer in time),
 *   `rpc-failed` (any other status, named in `details.status`)
 */
export async function callUnary<I extends DescMessage, O extends DescMessage>(
  transport: Transport,
  method: UnaryMethod<I, O>,
  request: MessageInitShape<I>,
  timeoutMs: number,
): Promise<MessageShape<O>> {
  const bytes = toBinary(method.input, create(method.input, request));
  return fromBinary(method.output, await callRaw(transport, method.name, bytes, timeoutMs));
}

/** The same in bytes. */
export async function callRaw(
  transport: Transport,
  methodName: string,
  request: Uint8Array,
  timeoutMs: number,
): Promise<Buffer> {
  try {
    return await transport.unary(`/${GRPCInferenceService.typeName}/${methodName}`, request, timeoutMs);
  } catch (cause) {
    throw rpcFailed(transport.address, methodName, cause);
  }
}

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

function rpcFailed(address: string, methodName: string, cause: unknown): StrainflowError {
  const { code, details } = isServiceError(cause) ? cause : { code: 2, details: String(cause) };
  const name = STATUS_NAMES[code] ?? "UNKNOWN";
  const tag =
    name === "NOT_FOUND"
      ? "model-not-found"
      : name === "UNAVAILABLE" || name === "DEADLINE_EXCEEDED"
        ? "server-unavailable"
        : "rpc-failed";
  return new StrainflowError(tag, `${methodName} at ${address}: ${details} (${name})`, {
    cause,
    details: { address, method: methodName, status: name, serverMessage: details },
  });
}

function isServiceError(error: unknown): error is { readonly code: number; readonly details: string } {
  return (
    typeof error === "object" &&
    error !== null &&
    "code" in error &&
    typeof error.code === "number" &&
    "details" in error &&
    typeof error.details === "string"
  );
}
