import type { InferRequest, StreamingModel } from "@strainflow/series";

/** One call that was lost, as it looked from outside. */
export interface WatchedLoss {
  readonly error: Error;
  /** From the sending of the first request without an answer to the word that the stream is lost; 0 where none was. */
  readonly unansweredMs: number;
  /** Requests that were answered before. */
  readonly answered: number;
  /** Of the updates sent on this call, how many had been sent before. */
  readonly sentAgain: number;
}

export interface WatchedModel {
  readonly model: StreamingModel;
  /** Of every call that was lost. */
  readonly losses: readonly WatchedLoss[];
  /** Most updates of one call, lost or not, that had been sent before. */
  readonly mostSentAgain: () => number;
}

/** The same model, with a record of what goes over the wire and when: nothing of what the pipeline says of itself. */
export function watchModel(inner: StreamingModel): WatchedModel {
  const losses: WatchedLoss[] = [];
  const known = new Set<string>();
  let most = 0;
  const model: StreamingModel = {
    ...inner,
    open(listener) {
      const sentAt = new Map<string, number>();
      let [answered, sentAgain] = [0, 0];
      const call = inner.open({
        ...listener,
        response(response) {
          sentAt.delete(response.id);
          answered++;
          listener.response(response);
        },
        lost(error) {
          const [first] = sentAt.values();
          const unansweredMs = first === undefined ? 0 : performance.now() - first;
          losses.push({ error, unansweredMs, answered, sentAgain });
          listener.lost(error);
        },
      });
      return {
        ...call,
        send(request) {
          sentAt.set(request.id, performance.now());
          const key = contentOf(request);
          if (key !== undefined) {
            if (known.has(key)) most = Math.max(most, ++sentAgain);
            known.add(key);
          }
          return call.send(request);
        },
      };
    },
  };
  return { model, losses, mostSentAgain: () => most };
}

/** The first numbers of an update, which no other has; nothing for the zeros of a request that only ends a sequence. */
function contentOf({ inputs }: InferRequest): string | undefined {
  const [tensor] = Object.values(inputs);
  if (tensor === undefined || !(tensor.data instanceof Float32Array)) return undefined;
  const head = tensor.data.subarray(0, 4);
  return head.every((value) => value === 0) ? undefined : head.join();
}
