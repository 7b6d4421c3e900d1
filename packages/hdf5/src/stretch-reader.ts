import type { Block, Reader, StreamFormat } from "@strainflow/series";
import type { Piece, Stretch } from "./arrange.ts";
import { createCarver } from "./carver.ts";
import type { FilePort } from "./file-session.ts";
import type { PortPool } from "./port-pool.ts";
import { type GapPolicy, type Reading, readStretch, readsOf } from "./stretch-reading.ts";

/** What is due next: a hole, or a read. */
type Job =
  | { readonly hole: Stretch }
  | {
      readonly stretch: Stretch & { readonly piece: Piece };
      readonly span: { readonly start: number; readonly end: number };
    };

/**
 * A reader over stretches that follow each other without a hole.
 *
 * One read is under way while the last one's blocks are consumed, and no more: memory is two reads (about 1 MiB and
 * channel each, or a chunk where that is longer) whatever the length.
 */
export function createStretchReader(
  format: StreamFormat,
  stretches: readonly Stretch[],
  blockSize: number,
  pool: PortPool,
  policy: GapPolicy,
): Reader<"strain"> {
  const start = stretches[0]?.start ?? 0;
  const end = stretches.at(-1)?.end ?? start;
  return {
    format,
    start,
    end,
    blocks: ({ signal }) => read(format, stretches, blockSize, pool, policy, signal),
  };
}

async function* read(
  format: StreamFormat,
  stretches: readonly Stretch[],
  blockSize: number,
  pool: PortPool,
  policy: GapPolicy,
  signal: AbortSignal,
): AsyncGenerator<Block<"strain">, void, undefined> {
  if (signal.aborted) return;
  const carver = createCarver("strain", format, blockSize);
  const jobs = jobsOf(stretches);
  const port = pool.acquire();
  let sound = true;
  let running: Promise<unknown> | undefined;
  const begin = (): { readonly job: Job; readonly reading?: Promise<Reading> } | undefined => {
    const next = jobs.next();
    if (next.done) return undefined;
    const job = next.value;
    if ("hole" in job) return { job };
    const reading = readStretch(port, job.stretch, job.span, policy);
    running = reading.catch(() => {
      sound = false;
    });
    return { job, reading };
  };
  try {
    for (let due = begin(); due !== undefined; ) {
      const { job, reading } = due;
      if ("hole" in job || reading === undefined) {
        due = begin();
        if ("hole" in job)
          for (const block of carver.hole({ ...job.hole, reason: "missing", detail: "no file covers it" })) {
            yield block;
            if (signal.aborted) return;
          }
        continue;
      }
      const done = await unlessAborted(reading, signal);
      if (done === undefined) {
        sound = false;
        return;
      }
      due = done.failure === undefined ? begin() : undefined;
      for (const block of carve(carver, done)) {
        yield block;
        if (signal.aborted) return;
      }
      if (done.failure !== undefined) {
        yield* carver.flush();
        throw done.failure.error;
      }
    }
    yield* carver.flush();
  } finally {
    await close(pool, port, running, sound && !signal.aborted);
  }
}

/** A parser that is still reading is waited for if nobody is in a hurry, and ended otherwise. */
async function close(
  pool: PortPool,
  port: FilePort,
  running: Promise<unknown> | undefined,
  patient: boolean,
): Promise<void> {
  if (patient) await running;
  await pool.giveBack(port, patient);
}

function* jobsOf(stretches: readonly Stretch[]): Generator<Job, void, undefined> {
  for (const stretch of stretches) {
    const { piece } = stretch;
    if (piece === undefined) yield { hole: stretch };
    else for (const span of readsOf({ ...stretch, piece })) yield { stretch: { ...stretch, piece }, span };
  }
}

function* carve(
  carver: ReturnType<typeof createCarver<"strain">>,
  { start, end, data, marks, failure }: Reading,
): Generator<Block<"strain">, void, undefined> {
  const stop = failure?.at ?? end;
  let at = start;
  for (const mark of marks) {
    if (mark.start >= stop) break;
    if (mark.start > at)
      yield* carver.samples(
        at,
        data.map((array) => array.subarray(at - start, mark.start - start)),
      );
    yield* carver.gap({ ...mark, end: Math.min(mark.end, stop) });
    at = Math.min(mark.end, stop);
  }
  if (at < stop)
    yield* carver.samples(
      at,
      data.map((array) => array.subarray(at - start, stop - start)),
    );
}

/**
 * What `work` gives, or `undefined` as soon as the signal is aborted. Not a race against one promise of the abortion: that
 * would keep the result of every read until the end.
 */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const stop = (): void => resolve(undefined);
    const settled = (): void => signal.removeEventListener("abort", stop);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).then(settled);
  });
}
