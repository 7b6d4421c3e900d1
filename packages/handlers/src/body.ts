import { type Codec, itemFromJson, itemToJson } from "./codec.ts";
import { type Frame, ITEMS_TYPE, readFrames, writeFrames } from "./framing.ts";
import { failed, type ItemFailure, type Outcome, STATUS, tellable } from "./outcome.ts";

/** How a body holds its items: `{"data": […]}`, framed, or one item alone. */
export type BodyForm = "json" | "items" | "single";

/** An answer to a request, as it goes out. */
export interface Reply {
  readonly status: number;
  readonly contentType: string;
  readonly body: Uint8Array;
}

/** A body that cannot be taken apart: there are no items to answer. */
export class BadBody extends Error {
  override readonly name = "BadBody";
}

const decoder = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();

/**
 * The items of a body, each decoded or with the reason why it cannot be.
 *
 * @throws {@link BadBody}
 */
export function readBody(
  form: BodyForm,
  body: Uint8Array,
  { codec, maxItems }: { readonly codec: Codec<unknown>; readonly maxItems: number },
): readonly Outcome[] {
  switch (form) {
    case "single":
      return [decoded(() => codec.decode(body))];
    case "items":
      try {
        return readFrames(body, maxItems).map(({ ok, bytes }) =>
          ok ? decoded(() => codec.decode(bytes)) : failed("invalid", "it is marked as no item"),
        );
      } catch (error) {
        throw new BadBody(tellable(error));
      }
    case "json": {
      const data = readData(body);
      if (data.length > maxItems) throw new BadBody(`${data.length} items; at most ${maxItems} are taken`);
      return data.map((item) => decoded(() => itemFromJson(codec, item)));
    }
  }
}

function readData(body: Uint8Array): readonly unknown[] {
  let message: unknown;
  try {
    message = JSON.parse(decoder.decode(body));
  } catch (error) {
    throw new BadBody(`the body is not JSON: ${tellable(error)}`);
  }
  if (typeof message === "object" && message !== null && "data" in message && Array.isArray(message.data))
    return message.data;
  throw new BadBody('the body must be {"data": […]}, an element for each item');
}

function decoded(read: () => unknown): Outcome {
  try {
    return { ok: true, value: read() };
  } catch (error) {
    return failed("invalid", tellable(error));
  }
}

/** The answer to all items of a body, in the form in which they came. */
export function writeReply(form: BodyForm, outcomes: readonly Outcome[], codec: Codec<unknown>): Reply {
  if (form === "json") return jsonReply(outcomes, codec);
  const encoded = outcomes.map((outcome) => encodedItem(outcome, codec));
  const status = statusOf(encoded);
  if (form === "items") {
    const frames = encoded.map(
      (outcome): Frame =>
        outcome.ok
          ? { ok: true, bytes: outcome.value }
          : { ok: false, bytes: encoder.encode(JSON.stringify(outcome.failure)) },
    );
    return { status, contentType: ITEMS_TYPE, body: writeFrames(frames) };
  }
  const [only] = encoded;
  return only?.ok === true
    ? { status, contentType: codec.contentType, body: only.value }
    : { status, contentType: "application/json", body: encoder.encode(JSON.stringify(failures(encoded))) };
}

function encodedItem(outcome: Outcome, codec: Codec<unknown>): Outcome<Uint8Array> {
  if (!outcome.ok) return outcome;
  try {
    return { ok: true, value: codec.encode(outcome.value) };
  } catch (error) {
    return failed("failed", `the answer cannot be encoded: ${tellable(error)}`);
  }
}

function jsonReply(outcomes: readonly Outcome[], codec: Codec<unknown>): Reply {
  const parts: string[] = [];
  const told = outcomes.map((outcome): Outcome => {
    let result = outcome;
    let text = "null";
    if (outcome.ok)
      try {
        text = JSON.stringify(itemToJson(codec, outcome.value));
      } catch (error) {
        result = failed("failed", `the answer cannot be encoded: ${tellable(error)}`);
      }
    parts.push(text);
    return result;
  });
  const status = statusOf(told);
  const errors = status === 200 ? "" : `,${JSON.stringify(failures(told)).slice(1, -1)}`;
  const body = encoder.encode(`{"data":[${parts.join(",")}]${errors}}`);
  return { status, contentType: "application/json", body };
}

function failures(outcomes: readonly Outcome[]): {
  readonly error: string;
  readonly errors: readonly (ItemFailure & { readonly index: number })[];
} {
  const errors = outcomes.flatMap((outcome, index) => (outcome.ok ? [] : [{ index, ...outcome.failure }]));
  const [first] = errors;
  return { error: first === undefined ? "" : `item ${first.index}: ${first.reason}`, errors };
}

/** Whoever looks at the status alone must not take a missing answer for one. */
function statusOf(outcomes: readonly Outcome[]): number {
  return outcomes.reduce(
    (status, outcome) => (outcome.ok ? status : Math.max(status, STATUS[outcome.failure.code])),
    200,
  );
}

/** The answer to a request as a whole that comes to nothing. */
export function errorReply(status: number, code: string, reason: string): Reply {
  const body = encoder.encode(JSON.stringify({ error: reason, code }));
  return { status, contentType: "application/json", body };
}
