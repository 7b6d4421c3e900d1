import type { Shot } from "./target.ts";

/** Which request is sent next. */
export interface ShotPlan {
  /** Nothing where all sequences are busy. */
  next(): Shot | undefined;
  /** It was answered, or will not be. */
  done(shot: Shot): void;
  /** The last requests, with END, of the open sequences that may be sent now; each of them once. */
  ends(): Shot[];
  /**
   * How many sequences are open at a time from now on; without sequences nothing. `serial`: each has one request under
   * way. With a concurrency it must be so: else all that may be under way could be of sequences that wait on the server
   * for the slot of one that has nothing under way.
   */
  resize(count: number, serial: boolean): void;
}

/** All steps of all streams in turn: `sizes` are the numbers of steps. Generator `index` of `of` takes every `of`th. */
export function createPlainPlan(sizes: readonly number[], index: number, of: number): ShotPlan {
  const shots = sizes.flatMap((size, stream) =>
    Array.from({ length: size }, (_, step): Shot => ({ stream, step, position: step })),
  );
  let at = index;
  return {
    next() {
      const shot = shots[at % shots.length];
      at += of;
      return shot;
    },
    done: () => undefined,
    ends: () => [],
    resize: () => undefined,
  };
}
