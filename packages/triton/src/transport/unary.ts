import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { CallLimits } from "../call-options.ts";
import { type CallFacts, callFailed } from "../errors.ts";
import { type FramedMessage, framed } from "./grpc-frames.ts";
import { grpcFailure, isGrpcFailure } from "./grpc-status.ts";
import type { Transport } from "./transport.ts";

/** A method that takes one request and gives one response. */
export interface UnaryMethod<I extends DescMessage, O extends DescMessage> {
  readonly name: string;
  readonly parent: { readonly typeName: string };
  readonly input: I;
  readonly output: O;
}

/**
 * Calls a method.
 *
 * @throws what {@link callFailed} makes of its failure
 */
export async function callUnary<I extends DescMessage, O extends DescMessage>(
  transport: Transport,
  method: UnaryMethod<I, O>,
  request: MessageInitShape<I>,
  limits: CallLimits,
  facts: CallFacts = {},
): Promise<MessageShape<O>> {
  const bytes = toBinary(method.input, create(method.input, request));
  const path = `/${method.parent.typeName}/${method.name}`;
  return fromBinary(method.output, await callRaw(transport, path, framed(bytes), limits, facts));
}

/** The same in bytes. */
export async function callRaw(
  transport: Transport,
  path: string,
  request: FramedMessage,
  limits: CallLimits,
  facts: CallFacts = {},
): Promise<Buffer> {
  try {
    return await transport.unary(path, request, limits);
  } catch (cause) {
    const { status, details } = isGrpcFailure(cause) ? cause : grpcFailure("UNKNOWN", String(cause));
    const method = path.slice(path.lastIndexOf("/") + 1);
    throw callFailed(
      { address: transport.address, method, status, serverMessage: details, signal: limits.signal, cause },
      facts,
    );
  }
}
