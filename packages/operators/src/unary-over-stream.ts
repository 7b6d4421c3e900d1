import {
  type InferCall,
  type InferResponse,
  type InferStream,
  type InferUnary,
  StrainflowError,
} from "@strainflow/series";

/**
 * Single requests over streams: each opens a call of its own, so that none waits for another's answer.
 *
 * For a server in this process, where a call costs nothing; over a network take the client's own `infer`.
 *
 * @param open the stream of a model
 *
 * @example
 * ```ts
 * const server = await createServer({ repository: "models" });
 * const infer = inferEvents(unaryOverStream(server.inProcess), { model: "nugraph" });
 * ```
 */
export function unaryOverStream(open: (modelName: string, version?: string) => InferStream): InferUnary {
  return {
    infer: (modelName, request, { version, signal }) =>
      new Promise<InferResponse>((resolve, reject) => {
        signal?.throwIfAborted();
        let call: InferCall | undefined;
        const abort = (): void => {
          call?.cancel();
          reject(signal?.reason);
        };
        const done = (settle: () => void): void => {
          signal?.removeEventListener("abort", abort);
          settle();
        };
        call = (version === undefined ? open(modelName) : open(modelName, version)).open({
          response: (response) => done(() => resolve(response)),
          lost: (error) => done(() => reject(error)),
          closed: () =>
            done(() =>
              reject(
                new StrainflowError(
                  "stream-lost",
                  `model "${modelName}" closed the call without an answer to request ${request.id}`,
                  { details: { modelName, requestId: request.id } },
                ),
              ),
            ),
        });
        signal?.addEventListener("abort", abort, { once: true });
        call.send(request);
        call.end();
      }),
  };
}
