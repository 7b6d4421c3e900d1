import type { CallOptions } from "./call-options.ts";
import { givenUp, limitWait } from "./give-up.ts";
import type { InferResult, TritonCall, TritonListener, TritonRequest } from "./request.ts";

/** All responses to one request, on a stream of its own that is opened when the loop begins. */
export async function* inferMany(
  modelName: string,
  open: (listener: TritonListener) => TritonCall,
  complete: () => TritonRequest,
  options: CallOptions = {},
): AsyncGenerator<InferResult, void, undefined> {
  const request = complete();
  const waiting: InferResult[] = [];
  let failure: Error | undefined;
  let over = false;
  let wake: () => void = () => undefined;

  function fail(error: Error): void {
    failure ??= error;
    wake();
  }
  const about = { modelName, requestId: request.id, sequenceId: request.sequence?.id };
  const unlimit = limitWait(options, about, fail);
  if (options.signal?.aborted) fail(givenUp("aborted", about, options.signal.reason));

  const call = open({
    response(result) {
      if (result.error !== undefined) return fail(result.error);
      // What only says that nothing more comes is no response.
      if (!isEmptyFinal(result)) waiting.push(result);
      if (result.final) over = true;
      wake();
    },
    lost: fail,
    closed() {
      over = true;
      wake();
    },
  });
  try {
    if (failure === undefined) {
      call.send(request);
      call.end();
    }
    for (;;) {
      const next = waiting.shift();
      if (next !== undefined) yield next;
      else if (failure !== undefined) throw failure;
      else if (over) return;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  } finally {
    unlimit();
    call.cancel();
  }
}

/** Whether a response of a decoupled model says that there are no more, and nothing else. */
export function isEmptyFinal({ final, outputs, parameters }: InferResult): boolean {
  return final && parameters.triton_final_response === true && Object.keys(outputs).length === 0;
}
