// Events out of HDF5 tables, one request each with its own limit; what fails is skipped and reported; a table of timings.
//
//   node dist/event-tables.js                      a server in this process, and the same one over gRPC
//   node dist/event-tables.js models FOLDER        writes the model for a Triton with the python backend
//   node dist/event-tables.js grpc://host:8001     … which then serves it
import { openEventTable, writeEventTable } from "@strainflow/hdf5";
import { createEventTimings, inferEvents, unaryOverStream } from "@strainflow/operators";
import type { InferUnary } from "@strainflow/series";
import { createServer } from "@strainflow/server";
import { connect } from "@strainflow/triton";
import { scratchFolder } from "./support.ts";
import { eventColumns, seededEvents, writeEventModel } from "./support-events.ts";

const [target, models] = process.argv.slice(2);
if (target === "models" && models !== undefined) {
  await writeEventModel(models, "python");
  process.exit();
}

await using folder = await scratchFolder();
await writeEventTable(`${folder.path}/events.h5`, seededEvents(80, { refused: 17 }));
const events = await openEventTable(`${folder.path}/events.h5`, { tables: eventColumns });
console.log(
  `${events.size} events with ${events.tables.map(({ name, rows }) => `${rows} rows of ${name}`).join(", ")}`,
);

const timings = createEventTimings();
async function inferAll(deployment: string, server: InferUnary): Promise<void> {
  const infer = inferEvents(server, { model: "event-graph", timeoutMs: 3000, timings, deployment });
  let points = 0;
  for await (const outcome of infer(events)) {
    if (outcome.kind === "inferred") points += outcome.outputs["spacepoint_charge"]?.shape[0] ?? 0;
    else
      console.log(`${deployment}: event ${outcome.id} skipped (${outcome.reason}): ${outcome.error.message}`);
  }
  console.log(`${deployment}: charge of ${points} points`);
}

/** Stands for a network that swallows the request of one event: it never has an answer. */
const swallowing = (server: InferUnary, id: string): InferUnary => ({
  infer: (model, request, options) =>
    request.id === id ? new Promise(() => {}) : server.infer(model, request, options),
});

if (target === undefined) {
  await writeEventModel(`${folder.path}/models`, "onnx");
  const server = await createServer({ repository: `${folder.path}/models` });
  await inferAll("in process", swallowing(unaryOverStream(server.inProcess), "1/1/40"));
  await using client = await connect(server.grpcAddress);
  await inferAll("over gRPC", client);
  client.close();
  await server.close();
} else {
  await using client = await connect(target);
  await inferAll(target, client);
}
console.log(timings.toCsv());
