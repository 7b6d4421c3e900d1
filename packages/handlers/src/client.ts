import { invalidOption } from "@strainflow/series";
import type { Codec } from "./codec.ts";
import { itemToJson } from "./codec.ts";
import { json } from "./codecs/json.ts";
import { ITEMS_TYPE, writeFrames } from "./framing.ts";
import { failed, type Outcome, tellable } from "./outcome.ts";
import { readAnswer } from "./read-answer.ts";

export interface HandlerClientOptions<In, Out> {
  /** Of the server: `http://host:port`. */
  readonly url: string;
  /** How items go: the handler's `input`. Default: {@link json}. */
  readonly input?: Codec<In>;
  /** How answers come: the handler's `output`. Default: {@link json}. */
  readonly output?: Codec<Out>;
  /** What the server wants as `authorization: Bearer …`. Default: nothing is sent. */
  readonly token?: string;
  /** Milliseconds that an answer may take. Default 60 000: twice what the server gives a request. */
  readonly timeoutMs?: number;
  /** Messages of `postMany` that are under way at once. Default 16: enough to fill batches while others are computed. */
  readonly maxInFlight?: number;
}

/** Posts items to a handler. */
export interface HandlerClient<In, Out> {
  /**
   * Posts items as one message. As many outcomes as items, in their order: an item that failed comes with its reason,
   * whatever failed: the handler, the server or the way there.
   */
  post(items: readonly In[], options?: { readonly signal?: AbortSignal }): Promise<readonly Outcome<Out>[]>;
  /** Posts many messages, some at once; the outcomes of each, in the order of the messages. */
  postMany(
    messages: readonly (readonly In[])[],
    options?: { readonly signal?: AbortSignal },
  ): Promise<readonly (readonly Outcome<Out>[])[]>;
}

/** @throws `invalid-option` */
export function createHandlerClient<In = unknown, Out = unknown>(
  options: HandlerClientOptions<In, Out>,
): HandlerClient<In, Out> {
  const { url, token, timeoutMs = 60_000, maxInFlight = 16 } = options;
  const input: Codec<In> = options.input ?? (json as Codec<never>);
  const output: Codec<Out> = options.output ?? (json as Codec<never>);
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw invalidOption("createHandlerClient", "url", url, "a URL like http://127.0.0.1:8081");
  for (const [name, value] of Object.entries({ timeoutMs, maxInFlight }))
    if (!Number.isSafeInteger(value) || value < 1)
      throw invalidOption("createHandlerClient", name, value, "a whole number ≥ 1");
  // Where neither side is JSON, bytes go as they are.
  const framed = input.toJson === undefined || input.name === "tensor";
  const headers: Record<string, string> = {
    "content-type": framed ? ITEMS_TYPE : "application/json",
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };

  const post: HandlerClient<In, Out>["post"] = async (items, { signal } = {}) => {
    const time = AbortSignal.timeout(timeoutMs);
    try {
      const body = framed
        ? writeFrames(items.map((item) => ({ ok: true, bytes: input.encode(item) })))
        : JSON.stringify({ data: items.map((item) => itemToJson(input, item)) });
      const response = await fetch(url, {
        method: "POST",
        headers,
        body,
        redirect: "error",
        signal: signal === undefined ? time : AbortSignal.any([time, signal]),
      });
      const answer = new Uint8Array(await response.arrayBuffer());
      return readAnswer(
        { status: response.status, contentType: response.headers.get("content-type") ?? "", body: answer },
        items.length,
        output,
      );
    } catch (error) {
      signal?.throwIfAborted();
      const late = time.aborted;
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      const outcome = late
        ? failed("timed-out", `no answer from ${url} within ${timeoutMs} ms`)
        : failed("unreachable", `${url}: ${tellable(cause)}`);
      return items.map(() => outcome);
    }
  };

  return {
    post,
    async postMany(messages, how = {}) {
      const outcomes: (readonly Outcome<Out>[])[] = new Array(messages.length);
      let next = 0;
      const one = async (): Promise<void> => {
        while (next < messages.length) {
          const at = next++;
          outcomes[at] = await post(messages[at]!, how);
        }
      };
      await Promise.all(Array.from({ length: Math.min(maxInFlight, messages.length) }, one));
      return outcomes;
    },
  };
}
