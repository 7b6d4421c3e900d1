import type { DescMethodServerStreaming, DescMethodUnary } from "@bufbuild/protobuf";
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  type MethodDefinition,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { asRefusal, type StatusCode } from "../refusal.ts";

/** A method of a service and what answers it. */
export interface Endpoint<I, O, Handler> {
  readonly name: string;
  readonly definition: MethodDefinition<I, O>;
  readonly handler: Handler;
}

/** An endpoint that answers one message with another. What `answer` throws becomes the call's status. */
export function unary<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  answer: (request: MessageShape<I>) => MessageInitShape<O> | Promise<MessageInitShape<O>>,
): Endpoint<MessageShape<I>, MessageShape<O>, handleUnaryCall<MessageShape<I>, MessageShape<O>>> {
  return {
    name: method.name,
    definition: { ...codecs(method), requestStream: false, responseStream: false },
    handler: (call, callback) => {
      const refuse = (error: unknown): void => callback(serviceError(error));
      try {
        const answered = answer(call.request);
        if (answered instanceof Promise)
          answered.then((message) => callback(null, create(method.output, message))).catch(refuse);
        else callback(null, create(method.output, answered));
      } catch (error) {
        refuse(error);
      }
    },
  };
}

/** An endpoint that answers one message with a stream. */
export function serverStreaming<I extends DescMessage, O extends DescMessage>(
  method: DescMethodServerStreaming<I, O>,
  handler: handleServerStreamingCall<MessageShape<I>, MessageShape<O>>,
): Endpoint<MessageShape<I>, MessageShape<O>, handleServerStreamingCall<MessageShape<I>, MessageShape<O>>> {
  return {
    name: method.name,
    definition: { ...codecs(method), requestStream: false, responseStream: true },
    handler,
  };
}

/** The path of a method on the wire. */
export function pathOf(method: {
  readonly parent: { readonly typeName: string };
  readonly name: string;
}): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function codecs<I extends DescMessage, O extends DescMessage>(method: {
  readonly parent: { readonly typeName: string };
  readonly name: string;
  readonly input: I;
  readonly output: O;
}): Omit<MethodDefinition<MessageShape<I>, MessageShape<O>>, "requestStream" | "responseStream"> {
  return {
    path: pathOf(method),
    requestSerialize: (message) => asBuffer(toBinary(method.input, message)),
    requestDeserialize: (bytes) => fromBinary(method.input, bytes),
    responseSerialize: (message) => asBuffer(toBinary(method.output, message)),
    responseDeserialize: (bytes) => fromBinary(method.output, bytes),
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const CODES: Readonly<Record<StatusCode, status>> = {
  INVALID_ARGUMENT: status.INVALID_ARGUMENT,
  NOT_FOUND: status.NOT_FOUND,
  UNAVAILABLE: status.UNAVAILABLE,
  INTERNAL: status.INTERNAL,
  UNIMPLEMENTED: status.UNIMPLEMENTED,
  CANCELLED: status.CANCELLED,
  RESOURCE_EXHAUSTED: status.RESOURCE_EXHAUSTED,
  ALREADY_EXISTS: status.ALREADY_EXISTS,
};

/** A status travels in a header, whose size peers limit; a name out of a request may be of any length. */
const MAX_DETAILS = 2000;

/** A thrown value as a call's status. */
export function serviceError(error: unknown): Pick<ServiceError, "code" | "details"> {
  const refusal = asRefusal(error);
  return { code: CODES[refusal.code], details: refusal.message.slice(0, MAX_DETAILS) };
}
