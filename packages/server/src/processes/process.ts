/* One of the processes of a server: `serveProcesses` runs this module. */
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { joinFront, type Place } from "@strainflow/processes";
import { ModelStatisticsResponseSchema } from "@strainflow/proto";
import { modelStatistics } from "../metadata.ts";
import { type StartedServer, startServer } from "../start-server.ts";
import { runCommand } from "./commands.ts";
import { Neighbours } from "./neighbours.ts";
import { openDoors } from "./open-doors.ts";
import { optionsOfOne } from "./options-of-one.ts";
import { outcomeOf, PreparedCommand } from "./prepared-command.ts";
import type { Counts, ProcessInit, ToServerProcess } from "./questions.ts";

/** How often it is looked whether this process has become ready, or is so no more, in milliseconds. */
const READY_MS = 25;

joinFront(async (place: Place) => {
  const { index, count } = place;
  const { options, folder } = place.init as ProcessInit;
  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  const started = await startServer({ ...optionsOfOne(options, index, count), log }, false);
  const { core } = started;
  const neighbours = new Neighbours({ index, count, ask: place.ask });
  core.others = neighbours;
  const path = join(folder, `${index}-${process.pid}`);
  const doors = await openDoors(core, path, options.maxMessageSize);

  let ready: boolean | undefined;
  const tellReady = (): void => {
    const now = !core.closing && core.registry.ready;
    if (now === ready) return;
    ready = now;
    // Where the front is gone, so are we soon.
    place.ask({ kind: "ready", ready }).catch(() => {});
  };
  tellReady();
  const timer = setInterval(tellReady, READY_MS).unref();

  let finished: Promise<void> | undefined;
  const finish = (): Promise<void> => {
    finished ??= started.finish().then(() => {
      clearInterval(timer);
      doors.close();
      neighbours.close();
    });
    return finished;
  };
  const prepared = new PreparedCommand(core);
  const answer = (question: ToServerProcess): unknown => {
    switch (question.kind) {
      case "where":
        return path;
      case "meet":
        return neighbours.meet(question.paths, question.ready);
      case "do":
        return outcomeOf(runCommand(core, question.command)).finally(tellReady);
      case "prepare":
        return prepared.prepare(question.command);
      case "settle":
        return prepared.settle(question.go).finally(tellReady);
      case "counts":
        return countsOf(started);
      case "drain": {
        const drained = started.drain(question.drainMs);
        tellReady();
        return drained;
      }
      case "finish":
        return finish();
    }
  };
  return {
    accept: (port, socket) => started.accept(port === "grpc" ? "grpc" : "http", socket),
    answer: (question) => answer(question as ToServerProcess),
    close: finish,
  };
});

function countsOf({ core, metrics }: StartedServer): Counts {
  const message = create(ModelStatisticsResponseSchema, {
    modelStats: modelStatistics(core.registry, "", ""),
  });
  const { user, system } = process.cpuUsage();
  return {
    statistics: toBinary(ModelStatisticsResponseSchema, message),
    metrics: metrics(),
    residentSize: process.memoryUsage.rss(),
    cpuLength: (user + system) / 1e6,
  };
}
