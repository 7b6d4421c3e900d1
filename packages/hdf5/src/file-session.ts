import { describeEvents, type EventFileFacts } from "./describe-events.ts";
import type { EventQuery } from "./event-columns.ts";
import type { FileFacts } from "./facts.ts";
import { borrowInstance, type Instance, returnInstance } from "./instance.ts";
import { describeFile } from "./layout.ts";
import { closeFile, type OpenFile, openFile } from "./open-file.ts";
import { type EventResult, type EventsRequest, readEvents } from "./read-events.ts";
import { type ReadRequest, type ReadResult, readSamples } from "./read-samples.ts";

/** The parser, wherever it runs: in this thread, in a worker thread, or in a process of its own. One call at a time. */
export interface FilePort {
  describe(path: string): Promise<FileFacts>;
  read(request: ReadRequest): Promise<ReadResult>;
  describeEvents(query: EventQuery): Promise<EventFileFacts>;
  readEvents(request: EventsRequest): Promise<readonly EventResult[]>;
  /** Closes the file that is open, and keeps the parser for the next. */
  release(): Promise<void>;
  /** Gives the parser up, whatever it is doing. */
  dispose(): Promise<void>;
}

/** The parser itself: at most one file open, and that file open once. */
export function createFileSession(): FilePort {
  let instance: Instance | undefined;
  let open: OpenFile | undefined;

  async function enterFile(path: string): Promise<OpenFile> {
    if (open?.path === path && !open.instance.trapped) return open;
    close();
    instance = await borrowInstance();
    open = openFile(path, instance);
    return open;
  }

  function close(): void {
    if (open !== undefined) closeFile(open);
    if (instance !== undefined) returnInstance(instance);
    open = undefined;
    instance = undefined;
  }

  /** The file, also after the engine has trapped in it and it was opened anew. */
  async function reopenable(path: string): Promise<{ file: () => OpenFile; reopen: () => Promise<void> }> {
    let file = await enterFile(path);
    return {
      file: () => file,
      reopen: async () => {
        close();
        file = await enterFile(path);
      },
    };
  }

  return {
    async describe(path) {
      try {
        return describeFile(await enterFile(path));
      } finally {
        close();
      }
    },
    async read(request) {
      const { file, reopen } = await reopenable(request.path);
      return readSamples(file, reopen, request);
    },
    async describeEvents(query) {
      try {
        return describeEvents(await enterFile(query.path), query);
      } finally {
        close();
      }
    },
    async readEvents(request) {
      const { file, reopen } = await reopenable(request.path);
      return readEvents(file, reopen, request);
    },
    async release() {
      close();
    },
    async dispose() {
      close();
    },
  };
}
