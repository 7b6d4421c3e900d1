import { resolve } from "node:path";
import { countersOf, sumMetrics } from "@strainflow/metrics";
import { openFront } from "@strainflow/processes";
import type { HandlerCounts, HandlerInit, ToHandlerFront, ToHandlerProcess } from "./process-messages.ts";
import type { WorkerCount } from "./requests.ts";
import type { Served } from "./serve-handler.ts";
import type { CheckedOptions } from "./serve-options.ts";

/** How long processes may take to be gone when they have closed, in milliseconds. */
const GONE_MS = 1000;

/** Serves a handler by several processes behind one port. @throws `handler-not-loaded`, `address-in-use`, `process-lost` */
export async function serveProcesses(checked: CheckedOptions): Promise<Served> {
  const { log, ...rest } = checked;
  const { host, port, processes, workers } = rest;
  const init: HandlerInit = { ...rest, path: resolve(checked.path) };
  const last: (HandlerCounts | undefined)[] = [];
  let past = "";

  const askAll = (question: ToHandlerProcess): Promise<unknown[]> =>
    Promise.all(front.serving.map((index) => front.ask(index, question).catch(() => undefined)));
  const counts = async (): Promise<readonly HandlerCounts[]> => {
    const now = await Promise.all(
      front.serving.map(async (index) => {
        const told = (await front.ask(index, { kind: "counts" }).catch(() => undefined)) as
          | HandlerCounts
          | undefined;
        if (told !== undefined) last[index] = told;
        return told;
      }),
    );
    return now.filter((told) => told !== undefined);
  };
  const metrics = async (): Promise<string> => {
    const pages = (await counts()).map((told) => told.metrics);
    return sumMetrics([...pages, past]);
  };
  const count = async (): Promise<WorkerCount> => ({
    ready: (await counts()).reduce((sum, told) => sum + told.workers.ready, 0),
    wanted: processes * workers,
  });
  const answer = (question: ToHandlerFront): unknown => {
    if (question.kind === "log") return log(question.line);
    return question.kind === "metrics" ? metrics() : count();
  };

  const front = await openFront({
    // It runs from what was built, also when this module runs from its source.
    entry: new URL("../dist/process.js", import.meta.url),
    count: processes,
    init,
    ports: { http: { host, port, what: "HTTP" } },
    log,
    answer: (question) => answer(question as ToHandlerFront),
    onGone: (index) => {
      // What it had counted stays in the sums.
      const told = last[index];
      last[index] = undefined;
      if (told !== undefined) past = sumMetrics([past, countersOf(told.metrics)]);
    },
  });
  void front.failed.then((error) => {
    log(error.message);
    // Nobody is to wait for what does not come.
    front.shut();
  });
  return {
    port: front.ports["http"] ?? port,
    metrics,
    close: async (drainMs) => {
      front.shut();
      await askAll({ kind: "close", drainMs });
      await front.end(GONE_MS);
    },
  };
}
