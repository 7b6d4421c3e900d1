import { StrainflowError } from "@strainflow/series";
import type { Codec } from "./codec.ts";
import { json } from "./codecs/json.ts";

type Awaitable<T> = T | Promise<T>;

/**
 * What is done with messages, in stages. While one batch is in one stage, the next is in the stage before it.
 *
 * @typeParam In one message, as `input` decodes it
 * @typeParam Batch what the model takes
 * @typeParam Item what the model gives for one message
 * @typeParam Out one answer, as `output` encodes it
 */
export interface Handler<In = unknown, Batch = unknown, Item = unknown, Out = unknown> {
  /** How messages come. Default: {@link json}. */
  readonly input?: Codec<In>;
  /** How answers go. Default: {@link json}. */
  readonly output?: Codec<Out>;
  /**
   * Looks at one message before it goes into a batch. It throws, or returns the reason, where it is no good: that item is
   * then answered with status 400. Default: every message is good.
   */
  validate?(message: In): string | undefined;
  /** Makes a batch of 1 to `maxBatchSize` messages; how many has nothing to do with how they were posted. */
  processRequest(messages: readonly In[]): Awaitable<Batch>;
  /** Computes. As many items as there were messages, in their order. */
  runInference(batch: Batch): Awaitable<Iterable<Item>>;
  /** Makes the answer of one item. */
  processResponse(item: Item): Awaitable<Out>;
}

/** A handler with all that is optional filled in. */
export type CompleteHandler = Required<Handler>;

/** Does nothing: types a handler while it is written. */
export function defineHandler<In = unknown, Batch = unknown, Item = unknown, Out = unknown>(
  handler: Handler<In, Batch, Item, Out>,
): Handler<In, Batch, Item, Out> {
  return handler;
}

/**
 * What a module exports, as a handler: its default export, which may be a function that makes one (in each worker), or
 * the functions themselves.
 *
 * @param where names the module in errors
 * @throws `handler-malformed`
 */
export async function handlerOf(module: unknown, where: string, worker: number): Promise<CompleteHandler> {
  let found: unknown = isRecord(module) && module["default"] !== undefined ? module["default"] : module;
  if (typeof found === "function") found = await found({ worker });
  return completeHandler(found, where);
}

/** @throws `handler-malformed` */
export function completeHandler(handler: unknown, where: string): CompleteHandler {
  if (!isRecord(handler)) throw malformed(where, "it exports no object with functions");
  for (const name of ["processRequest", "runInference", "processResponse"])
    if (typeof handler[name] !== "function") throw malformed(where, `${name} is not a function`);
  if (handler["validate"] !== undefined && typeof handler["validate"] !== "function")
    throw malformed(where, "validate is not a function");
  for (const name of ["input", "output"])
    if (handler[name] !== undefined && !isCodec(handler[name]))
      throw malformed(where, `${name} is not a codec: it needs name, contentType, encode and decode`);
  const own: Handler = handler as unknown as Handler;
  return {
    input: own.input ?? json,
    output: own.output ?? json,
    validate: (message) => own.validate?.(message),
    processRequest: (messages) => own.processRequest(messages),
    runInference: (batch) => own.runInference(batch),
    processResponse: (item) => own.processResponse(item),
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

function isCodec(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { name, contentType, encode, decode } = value;
  return (
    typeof name === "string" &&
    typeof contentType === "string" &&
    typeof encode === "function" &&
    typeof decode === "function"
  );
}

function malformed(where: string, why: string): StrainflowError {
  return new StrainflowError(
    "handler-malformed",
    `${where} is no handler: ${why}; it needs processRequest, runInference and processResponse`,
    { details: { path: where } },
  );
}
