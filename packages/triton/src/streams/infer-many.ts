import type { CallOptions } from "../call-options.ts";
import type { InferResult, TritonCall, TritonListener, TritonRequest } from "../request.ts";
import { givenUp, limitWait } from "./give-up.ts";
import { createResponseFeed } from "./response-feed.ts";

/** All responses to one request, on a stream of its own that is opened when the loop begins. */
export async function* inferMany(
  modelName: string,
  open: (listener: TritonListener) => TritonCall,
  complete: () => TritonRequest,
  options: CallOptions = {},
): AsyncGenerator<InferResult, void, undefined> {
  const request = complete();
  const feed = createResponseFeed(() => undefined);
  let failed = false;

  function fail(error: Error): void {
    failed = true;
    feed.finish(error);
  }
  const about = { modelName, requestId: request.id, sequenceId: request.sequence?.id };
  const unlimit = limitWait(options, about, fail);
  if (options.signal?.aborted) fail(givenUp("aborted", about, options.signal.reason));

  const call = open({
    response(result) {
      if (result.error !== undefined) return fail(result.error);
      // What only says that nothing more comes is no response.
      if (!isEmptyFinal(result)) feed.push(result);
      if (result.final) feed.finish(undefined);
    },
    lost: fail,
    closed: () => feed.finish(undefined),
  });
  try {
    if (!failed) {
      call.send(request);
      call.end();
    }
    yield* feed.iterator;
  } finally {
    unlimit();
    call.cancel();
  }
}

/** Whether a response of a decoupled model says that there are no more, and nothing else. */
export function isEmptyFinal({ final, outputs, parameters }: InferResult): boolean {
  return final && parameters.triton_final_response === true && Object.keys(outputs).length === 0;
}
