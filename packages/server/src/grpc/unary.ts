import type { DescMethodServerStreaming, DescMethodUnary } from "@bufbuild/protobuf";
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { framed } from "../requests/message-prefix.ts";
import type { Call } from "./call.ts";
import { type Endpoint, OneMessage, pathOf } from "./endpoint.ts";
import { statusOf } from "./status.ts";

/** An endpoint that answers one message with another. What `answer` throws becomes the call's status. */
export function unary<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  answer: (request: MessageShape<I>) => MessageInitShape<O> | Promise<MessageInitShape<O>>,
): Endpoint {
  const tell = (call: Call, answered: MessageInitShape<O>): void =>
    call.answer(framed(toBinary(method.output, create(method.output, answered))));
  return {
    path: pathOf(method),
    open: (call) =>
      new OneMessage(call, (message) => {
        const refuse = (error: unknown): void => call.finish(statusOf(error));
        const request = read(call, method.input, message);
        if (request === undefined) return undefined;
        try {
          const answered = answer(request);
          if (answered instanceof Promise) answered.then((init) => tell(call, init)).catch(refuse);
          else tell(call, answered);
        } catch (error) {
          refuse(error);
        }
        return undefined;
      }),
  };
}

/** An endpoint that answers one message with a stream. `start` gives what to do when the call is lost. */
export function serverStreaming<I extends DescMessage, O extends DescMessage>(
  method: DescMethodServerStreaming<I, O>,
  start: (request: MessageShape<I>, send: (message: MessageInitShape<O>) => void) => () => void,
): Endpoint {
  return {
    path: pathOf(method),
    open: (call) =>
      new OneMessage(call, (message) => {
        const request = read(call, method.input, message);
        if (request === undefined) return undefined;
        return start(request, (init) =>
          call.send(framed(toBinary(method.output, create(method.output, init)))),
        );
      }),
  };
}

/** A message of a call, which ends where it is none. */
export function read<I extends DescMessage>(
  call: Call,
  schema: I,
  message: Uint8Array,
): MessageShape<I> | undefined {
  try {
    return fromBinary(schema, message);
  } catch {
    call.finish({ code: "INTERNAL", details: "Error deserializing request" });
    return undefined;
  }
}
