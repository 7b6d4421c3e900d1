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
import { type FramedMessage, framed } from "./grpc-frames.ts";
import { grpcFailure, isGrpcFailure } from "./grpc-status.ts";
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
  return fromBinary(method.output, await callRaw(transport, method.name, framed(bytes), timeoutMs));
}

/** The same in bytes. */
export async function callRaw(
  transport: Transport,
  methodName: string,
  request: FramedMessage,
  timeoutMs: number,
): Promise<Buffer> {
  try {
    return await transport.unary(`/${GRPCInferenceService.typeName}/${methodName}`, request, timeoutMs);
  } catch (cause) {
    throw rpcFailed(transport.address, methodName, cause);
  }
}

function rpcFailed(address: string, methodName: string, cause: unknown): StrainflowError {
  const { status, details } = isGrpcFailure(cause) ? cause : grpcFailure("UNKNOWN", String(cause));
  const tag =
    status === "NOT_FOUND"
      ? "model-not-found"
      : status === "UNAVAILABLE" || status === "DEADLINE_EXCEEDED"
        ? "server-unavailable"
        : "rpc-failed";
  return new StrainflowError(tag, `${methodName} at ${address}: ${details} (${status})`, {
    cause,
    details: { address, method: methodName, status, serverMessage: details },
  });
}
