/* One of the processes of a handler: `serveProcesses` runs this module. */
import { joinFront, type Place } from "@strainflow/processes";
import type { HandlerCounts, HandlerInit, ToHandlerFront, ToHandlerProcess } from "./process-messages.ts";
import type { WorkerCount } from "./requests.ts";
import { startHandler } from "./start-handler.ts";

joinFront(async (place: Place) => {
  const { index, count } = place;
  const ask = (question: ToHandlerFront): Promise<unknown> => place.ask(question);
  const options = place.init as HandlerInit;
  const share = (whole: number): number => Math.ceil(whole / count);
  const started = await startHandler(
    {
      ...options,
      maxConnections: share(options.maxConnections),
      maxRequests: share(options.maxRequests),
      maxPendingBytes: share(options.maxPendingBytes),
      // Where the front is gone, nobody is to be told.
      log: (line) => void ask({ kind: "log", line }).catch(() => {}),
    },
    {
      metrics: async () => String(await ask({ kind: "metrics" })),
      workers: async () => (await ask({ kind: "workers" })) as WorkerCount,
    },
  );
  let closed: Promise<void> | undefined;
  const close = (drainMs: number): Promise<void> => (closed ??= started.close(drainMs));
  const counts = (): HandlerCounts => ({ metrics: started.metrics(index), workers: started.workers() });
  const answer = (question: ToHandlerProcess): unknown =>
    question.kind === "counts" ? counts() : close(question.drainMs);
  return {
    accept: (_, socket) => started.accept(socket),
    answer: (question) => answer(question as ToHandlerProcess),
    close: () => close(0),
  };
});
