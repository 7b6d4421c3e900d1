import type { FileFacts } from "./facts.ts";
import { borrowInstance, type Instance, returnInstance } from "./instance.ts";
import { describeFile } from "./layout.ts";
import { closeFile, type OpenFile, openFile } from "./open-file.ts";
import { type ReadRequest, type ReadResult, readSamples } from "./read-samples.ts";

/** The parser, wherever it runs: in this thread, in a worker thread, or in a process of its own. One call at a time. */
export interface FilePort {
  describe(path: string): Promise<FileFacts>;
  read(request: ReadRequest): Promise<ReadResult>;
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

  return {
    async describe(path) {
      try {
        return describeFile(await enterFile(path));
      } finally {
        close();
      }
    },
    async read(request) {
      let file = await enterFile(request.path);
      return readSamples(
        () => file,
        async () => {
          close();
          file = await enterFile(request.path);
        },
        request,
      );
    },
    async release() {
      close();
    },
    async dispose() {
      close();
    },
  };
}
