import type { StreamTarget } from "./stream-target.ts";
import type { Shot } from "./target.ts";

/**
 * Streams, one for each sequence that is open. Answers come in the order of requests on a stream: on a common one, a
 * sequence would wait for the answers to others, which may themselves wait on the server for its slot.
 */
export interface StreamPool {
  of(shot: Shot): StreamTarget;
  /** A request of it was answered. */
  done(shot: Shot): void;
  close(): void;
}

export function createStreamPool(open: () => StreamTarget): StreamPool {
  const all: StreamTarget[] = [];
  const free: StreamTarget[] = [];
  const taken = new Map<bigint | string, StreamTarget>();
  const next = (): StreamTarget => {
    const known = free.pop();
    if (known !== undefined) return known;
    const made = open();
    all.push(made);
    return made;
  };
  let common: StreamTarget | undefined;
  return {
    of({ sequence }) {
      if (sequence === undefined) {
        common ??= next();
        return common;
      }
      const stream = taken.get(sequence.id) ?? next();
      taken.set(sequence.id, stream);
      return stream;
    },
    done({ sequence }) {
      const stream = sequence?.end === true ? taken.get(sequence.id) : undefined;
      if (stream === undefined || sequence === undefined) return;
      taken.delete(sequence.id);
      free.push(stream);
    },
    close() {
      for (const stream of all) stream.close();
    },
  };
}
