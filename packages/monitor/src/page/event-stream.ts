import type { ServerResponse } from "node:http";

/** Those who look at a page while it changes. */
export interface EventStream {
  /** Takes on a reader, or turns it away where there are too many. */
  add(response: ServerResponse): void;
  close(): void;
}

/** Milliseconds from one picture to the next. */
const INTERVAL_MS = 1000;
const MOST_READERS = 64;

/** Bytes that may wait for a reader that does not read; it is let go of then, and comes back by itself. */
const MOST_WAITING = 8 * 1024 * 1024;

/** Sends each reader what `draw` gives, once a second; it is drawn once for all, and not at all where nobody looks. */
export function createEventStream(draw: () => string): EventStream {
  const readers = new Set<ServerResponse>();
  let timer: NodeJS.Timeout | undefined;
  const picture = (): string => `data: ${JSON.stringify(draw())}\n\n`;
  const send = (): void => {
    const event = picture();
    for (const reader of readers) {
      reader.write(event);
      if (reader.writableLength > MOST_WAITING) reader.destroy();
    }
  };
  const stop = (): void => {
    clearInterval(timer);
    timer = undefined;
  };
  return {
    add(response) {
      if (readers.size >= MOST_READERS) {
        response.writeHead(503, { "retry-after": "10" }).end();
        return;
      }
      readers.add(response);
      response.on("close", () => {
        readers.delete(response);
        if (readers.size === 0) stop();
      });
      response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
      response.write(picture());
      timer ??= setInterval(send, INTERVAL_MS);
    },
    close() {
      stop();
      for (const reader of readers) reader.end();
    },
  };
}
