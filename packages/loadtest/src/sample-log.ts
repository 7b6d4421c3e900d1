/** How a request went. */
export const OUTCOME = { answered: 0, failed: 1, wrong: 2, unanswered: 3 } as const;

/**
 * What a generator saw between two looks. Times are milliseconds on its own clock; arrays have one element per request
 * that ended, in the order in which they ended.
 */
export interface SampleBatch {
  readonly from: number;
  readonly until: number;
  /** When each was to be sent. With a concurrency: when it was. */
  readonly intended: Float64Array;
  /** When each was sent; NaN if it never was. */
  readonly sent: Float64Array;
  readonly done: Float64Array;
  /** One of {@link OUTCOME}. */
  readonly outcome: Uint8Array;
  /** 1 where a request waited because too many were under way, or its sequences busy: no fault of the generator. */
  readonly held: Uint8Array;
  /** Responses: of decoupled models there may be any number to a request. */
  readonly responses: number;
  /** Milliseconds that the generator was busy encoding and writing requests. */
  readonly sendBusyMs: number;
  /** Share of the time in which the generator's event loop was busy, 0 to 1. */
  readonly utilization: number;
  /** Messages of errors, and how often each came. */
  readonly errors: ReadonlyMap<string, number>;
  /** The first few answers that were not what they should have been, in words. */
  readonly wrongs: readonly string[];
}

interface Sample {
  readonly intended: number;
  readonly sent: number;
  readonly done: number;
  readonly outcome: number;
  readonly held: boolean;
}

export interface SampleLog {
  add(sample: Sample): void;
  addResponses(count: number): void;
  addSendBusy(ms: number): void;
  addError(message: string): void;
  addWrong(message: string): void;
  /** All since the last look. */
  take(): SampleBatch;
}

const FIRST_SIZE = 1024;
/** Different messages that are told apart, and answers that are shown. */
const MOST_MESSAGES = 20;
const MOST_WRONGS = 5;

export function createSampleLog(): SampleLog {
  const columns = (size: number) => ({
    times: new Float64Array(3 * size),
    marks: new Uint8Array(2 * size),
    size,
  });
  let store = columns(FIRST_SIZE);
  let count = 0;
  let responses = 0;
  let sendBusyMs = 0;
  let errors = new Map<string, number>();
  let wrongs: string[] = [];
  let from = performance.now();
  let utilization = performance.eventLoopUtilization();

  return {
    add({ intended, sent, done, outcome, held }) {
      if (count === store.size) {
        const larger = columns(2 * store.size);
        larger.times.set(store.times);
        larger.marks.set(store.marks);
        store = larger;
      }
      store.times[3 * count] = intended;
      store.times[3 * count + 1] = sent;
      store.times[3 * count + 2] = done;
      store.marks[2 * count] = outcome;
      store.marks[2 * count + 1] = held ? 1 : 0;
      count++;
    },
    addResponses(more) {
      responses += more;
    },
    addSendBusy(ms) {
      sendBusyMs += ms;
    },
    addError(message) {
      const known = errors.has(message) || errors.size < MOST_MESSAGES;
      const key = known ? message : "other errors";
      errors.set(key, (errors.get(key) ?? 0) + 1);
    },
    addWrong(message) {
      if (wrongs.length < MOST_WRONGS) wrongs.push(message);
    },
    take() {
      const { times, marks } = store;
      const timesAt = (place: number): Float64Array =>
        Float64Array.from({ length: count }, (_, i) => times[3 * i + place]!);
      const marksAt = (place: number): Uint8Array =>
        Uint8Array.from({ length: count }, (_, i) => marks[2 * i + place]!);
      const until = performance.now();
      const now = performance.eventLoopUtilization();
      const batch: SampleBatch = {
        from,
        until,
        intended: timesAt(0),
        sent: timesAt(1),
        done: timesAt(2),
        outcome: marksAt(0),
        held: marksAt(1),
        responses,
        sendBusyMs,
        utilization: performance.eventLoopUtilization(now, utilization).utilization,
        errors,
        wrongs,
      };
      utilization = now;
      from = until;
      count = 0;
      responses = 0;
      sendBusyMs = 0;
      errors = new Map();
      wrongs = [];
      return batch;
    },
  };
}
