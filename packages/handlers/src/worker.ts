/* A thread that runs a handler: bodies come in, replies go out; decoding, batching and computing all happen here. */
import { parentPort, workerData } from "node:worker_threads";
import { BadBody, errorReply, type Reply, readBody, writeReply } from "./body.ts";
import type { CompleteHandler } from "./handler.ts";
import { handlerOf } from "./handler.ts";
import { importModule } from "./import-module.ts";
import type { Outcome } from "./outcome.ts";
import { Pipeline } from "./pipeline.ts";
import { WorkerFigures } from "./worker-figures.ts";
import type { FromWorker, ToWorker, WorkerSettings } from "./worker-messages.ts";

if (parentPort === null) throw new Error("worker.js is a worker thread's entry");
const port = parentPort;
const settings = workerData as WorkerSettings;

interface Done extends Reply {
  readonly id: number;
}

let replies: Done[] = [];

function tell(message: FromWorker, transfer: readonly ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

function reply(id: number, { status, contentType, body }: Reply): void {
  if (replies.length === 0) setImmediate(sendReplies);
  replies.push({ id, status, contentType, body });
}

function sendReplies(): void {
  const sent = replies;
  replies = [];
  const bytes = new Uint8Array(sent.reduce((sum, { body }) => sum + body.length, 0));
  let at = 0;
  for (const { body } of sent) {
    bytes.set(body, at);
    at += body.length;
  }
  tell(
    {
      type: "replies",
      buffer: bytes.buffer,
      replies: sent.map(({ id, status, contentType, body }) => ({
        id,
        status,
        contentType,
        size: body.length,
      })),
    },
    [bytes.buffer],
  );
}

/** Submits all items of a request, and replies when each has its outcome. */
function take(
  handler: CompleteHandler,
  pipeline: Pipeline,
  request: Extract<ToWorker, { type: "requests" }>["requests"][number],
  body: Uint8Array,
): void {
  const { id, form } = request;
  try {
    const items = readBody(form, body, { codec: handler.input, maxItems: settings.maxItems });
    const outcomes: Outcome[] = [...items];
    let open = 1;
    const settle = (): void => {
      if (--open === 0) reply(id, writeReply(form, outcomes, handler.output));
    };
    for (const [i, item] of items.entries()) {
      if (!item.ok) continue;
      open++;
      pipeline.submit(item.value, (outcome) => {
        outcomes[i] = outcome;
        settle();
      });
    }
    settle();
  } catch (error) {
    if (!(error instanceof BadBody)) throw error;
    reply(id, errorReply(400, "invalid", error.message));
  }
}

async function main(): Promise<void> {
  const handler = await handlerOf(await importModule(settings.path), settings.path, settings.worker);
  const figures = new WorkerFigures(settings.figures);
  const pipeline = new Pipeline(handler, { ...settings, onBatch: (batch) => figures.count(batch) });
  port.on("message", (message: ToWorker) => {
    if (message.type === "close") {
      port.close();
      return;
    }
    figures.bundles++;
    let at = 0;
    for (const request of message.requests) {
      take(handler, pipeline, request, new Uint8Array(message.buffer, at, request.size));
      at += request.size;
    }
  });
  tell({ type: "loaded", input: handler.input.contentType, output: handler.output.contentType });
}

await main().catch((error: unknown) => {
  tell({ type: "not-loaded", message: error instanceof Error ? error.message : String(error) });
  port.close();
});
