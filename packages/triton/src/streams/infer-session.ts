import { isStrainflowError, StrainflowError, type TensorSpec } from "@strainflow/series";
import type { CallOptions } from "../call-options.ts";
import { invalidRequest } from "../errors.ts";
import type { InferResult, InputValue, TritonCall, TritonListener, TritonRequest } from "../request.ts";
import { requestTensors } from "../tensors/input-values.ts";
import { zeroInputs } from "./end-sequence.ts";
import { givenUp, limitWait } from "./give-up.ts";
import { isEmptyFinal } from "./infer-many.ts";
import { createLatencyHistogram, type LatencyProfile } from "./latency-profile.ts";
import { createResponseFeed, type ResponseFeed } from "./response-feed.ts";

export interface SessionOptions {
  /**
   * The sequence that all requests belong to: `true` for a random id, `false` for none. Default `true` where the model
   * batches sequences. Never 0 and never empty.
   */
  readonly sequence?: bigint | string | boolean;
}

/** What one request of a session may have beside its inputs. */
export interface SessionRequestOptions
  extends Omit<CallOptions, "headers">,
    Pick<TritonRequest, "outputs" | "priority" | "queueTimeoutMs" | "parameters"> {
  /** Comes back with the response. Default: the number of the request. */
  readonly id?: string;
  /** The last of its sequence: the next request begins a new one with the same id. */
  readonly end?: boolean;
}

/**
 * A stream with a promise for each request, whose responses can be looped over as well:
 * `for await (const response of session)` gives those that come from then on, until the session is closed.
 */
export interface InferSession extends AsyncIterable<InferResult>, AsyncDisposable {
  readonly sequenceId: bigint | string | undefined;
  /**
   * Sends a request, in the order of the calls, and gives its response (of a decoupled model: the last one).
   *
   * `timeoutMs` and `signal` end the waiting, not the request: what was sent stays in its place in the sequence.
   *
   * @throws `infer-refused` (the session goes on), `stream-lost` (it is over: begin a new one), `deadline-exceeded`,
   *   `aborted`, `malformed-response`, `invalid-request`
   */
  infer(inputs: Readonly<Record<string, InputValue>>, options?: SessionRequestOptions): Promise<InferResult>;
  /** How long answers took. */
  latency(): LatencyProfile | undefined;
  /** Ends the sequence if it is open, waits for what is under way, and closes the stream. */
  close(): Promise<void>;
}

interface Due {
  readonly request: TritonRequest;
  readonly resolve: (result: InferResult) => void;
  readonly reject: (error: Error) => void;
  sentAt: number;
}

export function openSession(
  model: {
    readonly modelName: string;
    readonly inputs: readonly TensorSpec[];
    readonly open: (listener: TritonListener) => TritonCall;
    readonly isSequenced?: boolean;
  },
  options: SessionOptions,
): InferSession {
  const { modelName, inputs } = model;
  const sequenceId = sequenceIdOf(options.sequence ?? model.isSequenced ?? false);
  const latency = createLatencyHistogram();
  const feeds = new Set<ResponseFeed>();
  /** By request id: waiting for room on the stream, and waiting for a response. */
  const queue: Due[] = [];
  const due = new Map<string, Due>();
  let made = 0;
  let begun = false;
  let writable = true;
  let closing = false;
  let over: Error | undefined;
  let whenOver: () => void = () => undefined;

  const call = model.open({
    response: answered,
    drain() {
      writable = true;
      pump();
    },
    lost(error) {
      finish(error);
    },
    closed() {
      finish(undefined);
    },
  });

  function pump(): void {
    while (writable && over === undefined) {
      const next = queue.shift();
      if (next === undefined) {
        if (closing) call.end();
        return;
      }
      next.sentAt = performance.now();
      try {
        writable = call.send(next.request);
      } catch (error) {
        due.delete(next.request.id);
        next.reject(error instanceof Error ? error : new Error(String(error)));
      }
    }
  }

  function answered(result: InferResult): void {
    const mine = due.get(result.id);
    if (!isEmptyFinal(result)) for (const feed of feeds) feed.push(result);
    if (mine === undefined || !result.final) return;
    due.delete(result.id);
    latency.record(performance.now() - mine.sentAt);
    if (result.error === undefined) mine.resolve(result);
    else mine.reject(result.error);
  }

  function finish(error: Error | undefined): void {
    if (over !== undefined) return;
    over = error ?? closedError(modelName, sequenceId);
    queue.length = 0;
    for (const { request, reject } of due.values()) reject(ofRequest(over, request.id));
    due.clear();
    for (const feed of feeds) feed.finish(error);
    whenOver();
  }

  function place(end: boolean): { readonly sequence?: NonNullable<TritonRequest["sequence"]> } {
    if (sequenceId === undefined) {
      if (end) throw invalidRequest(`this session to model "${modelName}" is no sequence that could end`);
      return {};
    }
    const start = !begun;
    begun = !end;
    return { sequence: { id: sequenceId, start, end } };
  }

  function infer(
    values: Readonly<Record<string, InputValue>>,
    requestOptions: SessionRequestOptions = {},
  ): Promise<InferResult> {
    const { id = `${++made}`, end = false, timeoutMs, signal, ...rest } = requestOptions;
    return new Promise<InferResult>((resolve, reject) => {
      if (over !== undefined || closing) throw ofRequest(over ?? closedError(modelName, sequenceId), id);
      if (signal?.aborted) throw givenUp("aborted", { modelName, requestId: id, sequenceId }, signal.reason);
      if (id === "" || due.has(id))
        throw invalidRequest(`request id "${id}" is ${id === "" ? "empty" : "in flight already"}`);
      const request = { ...rest, id, inputs: requestTensors(modelName, inputs, values), ...place(end) };
      const limit = limitWait({ timeoutMs, signal }, { modelName, requestId: id, sequenceId }, reject);
      const mine: Due = {
        request,
        sentAt: 0,
        resolve(result) {
          limit();
          resolve(result);
        },
        reject(error) {
          limit();
          reject(error);
        },
      };
      due.set(id, mine);
      queue.push(mine);
      pump();
    });
  }

  async function close(): Promise<void> {
    if (over !== undefined) return;
    // Whether the END came through is for the server's idle time to settle.
    const parting = begun ? infer(zeroInputs(inputs), { end: true }).catch(() => undefined) : undefined;
    closing = true;
    await new Promise<void>((resolve) => {
      whenOver = resolve;
      pump();
    });
    await parting;
  }

  let ending: Promise<void> | undefined;
  return {
    sequenceId,
    infer,
    latency: () => latency.profile(),
    close: () => (ending ??= close()),
    [Symbol.asyncDispose]: () => (ending ??= close()),
    [Symbol.asyncIterator]() {
      const feed = createResponseFeed(() => feeds.delete(feed));
      if (over === undefined) feeds.add(feed);
      else feed.finish(undefined);
      return feed.iterator;
    },
  };
}

function sequenceIdOf(choice: bigint | string | boolean): bigint | string | undefined {
  if (typeof choice !== "boolean") return choice;
  if (!choice) return undefined;
  const [word = 0n] = globalThis.crypto.getRandomValues(new BigUint64Array(1));
  return (word >> 1n) | 1n;
}

function closedError(modelName: string, sequenceId: bigint | string | undefined): StrainflowError {
  return new StrainflowError("stream-lost", `the session with model "${modelName}" was closed`, {
    details: { modelName, reason: "closed", sequenceId },
  });
}

/** The same error about one request. */
function ofRequest(error: Error, requestId: string): Error {
  if (!isStrainflowError(error)) return error;
  return new StrainflowError(error.tag, error.message, {
    cause: error,
    details: { ...error.details, requestId },
  });
}
