import { parentPort } from "node:worker_threads";
import { plainError } from "./errors.ts";
import { createFileSession } from "./file-session.ts";
import type { Call, Reply } from "./remote-port.ts";

/*
 * The entry of the parser's own thread or process. Calls are answered in order; samples are moved, not copied,
 * where the channel can (a worker thread's).
 */
const session = createFileSession();
let turn: Promise<void> = Promise.resolve();

function receive(call: Call): void {
  turn = turn.then(() => answer(call));
}

async function answer(call: Call): Promise<void> {
  try {
    if (call.kind === "describe") send({ id: call.id, facts: await session.describe(call.path) }, []);
    else if (call.kind === "read") {
      const result = await session.read(call.request);
      send({ id: call.id, result }, [result.data.buffer]);
    } else if (call.kind === "describe-events")
      send({ id: call.id, eventFacts: await session.describeEvents(call.query) }, []);
    else if (call.kind === "read-events") {
      const eventResults = await session.readEvents(call.events);
      const moved = eventResults.flatMap((result) =>
        "values" in result ? result.values.map(({ buffer }) => buffer) : [],
      );
      send({ id: call.id, eventResults }, moved);
    } else {
      await session.release();
      send({ id: call.id }, []);
    }
  } catch (error) {
    send({ id: call.id, error: plainError(error) }, []);
  }
}

function send(reply: Reply, moved: readonly ArrayBufferLike[]): void {
  if (parentPort !== null)
    parentPort.postMessage(
      reply,
      moved.filter((buffer) => buffer instanceof ArrayBuffer),
    );
  else process.send?.(reply);
}

if (parentPort !== null) parentPort.on("message", receive);
else {
  process.on("message", receive);
  process.on("disconnect", () => process.exit());
}
