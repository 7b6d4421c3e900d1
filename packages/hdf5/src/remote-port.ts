import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { EventFileFacts } from "./describe-events.ts";
import { hdf5Error, type PlainError, revivedError } from "./errors.ts";
import type { EventQuery } from "./event-columns.ts";
import type { FileFacts } from "./facts.ts";
import type { FilePort } from "./file-session.ts";
import type { EventResult, EventsRequest } from "./read-events.ts";
import type { ReadRequest, ReadResult } from "./read-samples.ts";

/** What is asked of the parser. */
export type Call =
  | { readonly id: number; readonly kind: "describe"; readonly path: string }
  | { readonly id: number; readonly kind: "read"; readonly path: string; readonly request: ReadRequest }
  | {
      readonly id: number;
      readonly kind: "describe-events";
      readonly path: string;
      readonly query: EventQuery;
    }
  | {
      readonly id: number;
      readonly kind: "read-events";
      readonly path: string;
      readonly events: EventsRequest;
    }
  | { readonly id: number; readonly kind: "release"; readonly path: string };

/** What it answers. */
export interface Reply {
  readonly id: number;
  readonly facts?: FileFacts;
  readonly result?: ReadResult;
  readonly eventFacts?: EventFileFacts;
  readonly eventResults?: readonly EventResult[];
  readonly error?: PlainError;
}

/** A thread or a process, as far as a port needs it. */
interface Channel {
  post(call: Call): void;
  /** Whether it keeps this process alive. */
  hold(held: boolean): void;
  end(): Promise<void>;
}

interface Waiting {
  readonly path: string;
  readonly timer: NodeJS.Timeout;
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

// Threads and processes start from what was built, also when this file runs from its source.
const ENTRY = new URL(import.meta.url.endsWith(".ts") ? "../dist/worker.js" : "./worker.js", import.meta.url);

/**
 * A parser in a thread or process of its own, which is started by the first call.
 *
 * A call that takes longer than `timeoutMs` ends the parser, and so does its death: the call fails with a tag, and the
 * next one starts a new parser. `entry` is what runs there.
 */
export function createRemotePort(
  isolation: "worker" | "process",
  timeoutMs: number,
  entry: URL = ENTRY,
): FilePort {
  let channel: Channel | undefined;
  let lastId = 0;
  const waiting = new Map<number, Waiting>();

  function fail(error: (path: string) => Error): void {
    const failed = [...waiting.values()];
    waiting.clear();
    channel = undefined;
    for (const { timer, path, reject } of failed) {
      clearTimeout(timer);
      reject(error(path));
    }
  }

  function start(): Channel {
    const started = (isolation === "worker" ? startThread : startProcess)(entry, receive, (why) => {
      if (channel === started)
        fail((path) =>
          hdf5Error(
            "hdf5-parser-lost",
            `${path}: the parser died on this file (${why}); it is not a file to trust`,
            { path },
          ),
        );
    });
    return started;
  }

  function receive(reply: Reply): void {
    const call = waiting.get(reply.id);
    if (call === undefined) return;
    waiting.delete(reply.id);
    clearTimeout(call.timer);
    if (waiting.size === 0) channel?.hold(false);
    if (reply.error === undefined) call.resolve(reply);
    else call.reject(revivedError(reply.error));
  }

  function ask(path: string, make: (id: number) => Call): Promise<Reply> {
    channel ??= start();
    const running = channel;
    const id = ++lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        fail(() =>
          hdf5Error(
            "hdf5-timeout",
            `${path}: parsing it took longer than ${timeoutMs} ms and was stopped; it is damaged, or timeoutMs is too short for it`,
            { path, timeoutMs },
          ),
        );
        void running.end();
      }, timeoutMs);
      waiting.set(id, { path, timer, resolve, reject });
      running.hold(true);
      running.post(make(id));
    });
  }

  return {
    async describe(path) {
      const { facts } = await ask(path, (id) => ({ id, kind: "describe", path }));
      if (facts === undefined) throw new TypeError("the parser answered without facts");
      return facts;
    },
    async read(request) {
      const { path } = request;
      const { result } = await ask(path, (id) => ({ id, kind: "read", path, request }));
      if (result === undefined) throw new TypeError("the parser answered without samples");
      return result;
    },
    async describeEvents(query) {
      const { path } = query;
      const { eventFacts } = await ask(path, (id) => ({ id, kind: "describe-events", path, query }));
      if (eventFacts === undefined) throw new TypeError("the parser answered without facts");
      return eventFacts;
    },
    async readEvents(events) {
      const { path } = events;
      const { eventResults } = await ask(path, (id) => ({ id, kind: "read-events", path, events }));
      if (eventResults === undefined) throw new TypeError("the parser answered without events");
      return eventResults;
    },
    async release() {
      if (channel !== undefined) await ask("", (id) => ({ id, kind: "release", path: "" }));
    },
    async dispose() {
      const ended = channel;
      fail((path) => hdf5Error("aborted", `${path}: reading was given up`, { path }));
      await ended?.end();
    },
  };
}

function startThread(entry: URL, receive: (reply: Reply) => void, died: (why: string) => void): Channel {
  const worker = new Worker(entry, { stdout: false, stderr: false, execArgv: [] });
  worker.unref();
  worker.on("message", receive);
  worker.on("error", (error) => died(error instanceof Error ? error.message : String(error)));
  worker.on("exit", (code) => died(`exit code ${code}`));
  return {
    post: (call) => worker.postMessage(call),
    hold: (held) => (held ? worker.ref() : worker.unref()),
    end: async () => void (await worker.terminate()),
  };
}

function startProcess(entry: URL, receive: (reply: Reply) => void, died: (why: string) => void): Channel {
  const child = fork(fileURLToPath(entry), {
    serialization: "advanced",
    execArgv: [],
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.on("message", receive);
  child.on("error", (error) => died(error.message));
  child.on("exit", (code, signal) => died(signal ?? `exit code ${code}`));
  return {
    post: (call) => {
      child.send(call);
    },
    hold: (held) => {
      for (const handle of [child, child.channel]) held ? handle?.ref() : handle?.unref();
    },
    end: async () => {
      child.kill("SIGKILL");
      await exited;
    },
  };
}
