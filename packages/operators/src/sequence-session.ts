import {
  type InferCall,
  type InferRequest,
  type InferResponse,
  isStrainflowError,
  StrainflowError,
  type StreamingModel,
  type Tensor,
} from "@strainflow/series";
import type { SkippedStrides, Update } from "@strainflow/steps";
import type { SequenceSession, SequenceSessionEvents, SequenceSessionOptions } from "./sequence.ts";
import { createUpdateInputs, randomSequenceId } from "./sequence-inputs.ts";

interface Entry {
  readonly item: Update | SkippedStrides;
  readonly last: boolean;
  done: boolean;
}

interface Pending {
  /** Absent for a request that only ends a sequence. */
  readonly entry?: Entry;
}

/**
 * Refusals that mean that the server no longer knows the sequence: its idle time ran out, or it was restarted behind a
 * proxy (Triton's words), or the thread that held its state died (our server's).
 */
const STATE_LOST = /START flag on the first request|died with the request in it|is not running/;
const FIRST_BACKOFF_MS = 50;
const LONGEST_BACKOFF_MS = 2_000;
/** How long an abandoned sequence's END may take before its call is cut. */
const PARTING_MS = 1_000;

/**
 * Carries updates through one model, in order, and through losses of the stream.
 *
 * One sequence is never parallel inside, and a stateful request is never retried by itself. On a loss: a new call, END
 * for the old sequence (otherwise its slot is held until the server's idle time), a new sequence that begins with the
 * past updates which the model's memory reaches, their outputs suppressed. So outputs equal those of an undisturbed run.
 */
export function createSequenceSession(
  model: StreamingModel,
  options: SequenceSessionOptions,
  events: SequenceSessionEvents,
): SequenceSession {
  const { streaming } = model;
  const tensors = createUpdateInputs(model);
  /** Past updates that bring a new sequence to the state of the old one. */
  const priming = Math.ceil(streaming.memory / (streaming.strideSize * streaming.batchSize));

  /** Items from the oldest that may have to be sent again to the newest offered. */
  let log: Entry[] = [];
  /** Index in `log` of the next item to send. */
  let next = 0;
  let call: InferCall | undefined;
  let pending: Pending[] = [];
  let writable = true;
  let sequenceId = 0n;
  /** Whether the server has been given a START without an END for `sequenceId`. */
  let open = false;
  const stale: bigint[] = [];
  let sent = 0;
  let finishing = false;
  let over = false;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let backoffMs = FIRST_BACKOFF_MS;
  let loss: { at: number; error: Error; sentAgain: number } | undefined;

  function send(
    inputs: Record<string, Tensor>,
    id: bigint,
    start: boolean,
    end: boolean,
    entry?: Entry,
  ): void {
    const request: InferRequest = {
      id: `${sent++}_${id}`,
      inputs,
      sequence: { id, start, end },
      ...(options.outputs === undefined ? {} : { outputs: options.outputs }),
    };
    pending.push(entry === undefined ? {} : { entry });
    writable = call!.send(request);
  }

  function connect(): void {
    writable = true;
    let mine: InferCall | undefined;
    const current = (): boolean => !over && (mine === undefined || call === mine);
    mine = model.open({
      response: (response) => current() && answer(response),
      drain() {
        if (!current()) return;
        writable = true;
        pump();
      },
      lost: (error) => current() && lost(error),
      closed: () =>
        current() &&
        lost(new StrainflowError("stream-lost", `model "${model.name}": the server closed the stream`)),
    });
    call = mine;
  }

  function pump(): void {
    if (over || retry !== undefined) return;
    try {
      for (;;) {
        settle();
        const entry = log[next];
        if (entry === undefined || !writable || pending.length >= options.maxInFlight) break;
        const { item } = entry;
        if (item.data === undefined) {
          next++;
          continue;
        }
        if (call === undefined) connect();
        for (const old of stale.splice(0)) send(tensors(undefined), old, false, true);
        if (item.first && open) {
          open = false;
          send(tensors(undefined), sequenceId, false, true);
        }
        const start = !open;
        if (start) {
          sequenceId = randomSequenceId();
          open = true;
        }
        if (entry.last) open = false;
        next++;
        send(tensors(item), sequenceId, start, entry.last, entry);
      }
      if (finishing && log.every((entry) => entry.done)) part();
    } catch (error) {
      fail(error);
    }
    if (!over) events.idle(pending.length === 0 && next >= log.length);
  }

  /** Marks skipped stretches as done once all before them is, and forgets what no new sequence would need. */
  function settle(): void {
    for (let i = 0; i < log.length; i++) {
      const entry = log[i]!;
      if (entry.done) continue;
      if (entry.item.data !== undefined || i >= next) break;
      entry.done = true;
      events.done(entry.item, undefined);
    }
    const oldest = log.findIndex((entry) => !entry.done);
    const keepFrom = Math.max(0, (oldest < 0 ? log.length : oldest) - priming);
    if (keepFrom > 0) {
      log = log.slice(keepFrom);
      next -= keepFrom;
    }
  }

  function answer(response: InferResponse): void {
    const due = pending.shift();
    if (due === undefined)
      return fail(
        new StrainflowError(
          "unexpected-response",
          `model "${model.name}" answered "${response.id}", which was not asked`,
        ),
      );
    const { entry } = due;
    if (entry === undefined) return pump();
    if (response.error !== undefined) {
      if (STATE_LOST.test(response.error.message)) return lost(response.error);
      return fail(response.error);
    }
    if (!entry.done) {
      entry.done = true;
      if (loss !== undefined) {
        const { error, at, sentAgain } = loss;
        loss = undefined;
        backoffMs = FIRST_BACKOFF_MS;
        options.onRecovery?.({
          reason: error,
          sequenceId,
          updatesSentAgain: sentAgain,
          afterMs: performance.now() - at,
        });
      }
      try {
        events.done(entry.item, response.outputs);
      } catch (error) {
        return fail(error);
      }
    }
    pump();
  }

  function lost(error: Error): void {
    call?.cancel();
    call = undefined;
    writable = true;
    if (open || pending.some((p) => p.entry !== undefined)) stale.push(sequenceId);
    open = false;
    pending = [];
    const oldest = log.findIndex((entry) => !entry.done);
    const now = performance.now();
    if (loss === undefined) {
      loss = { at: now, error, sentAgain: 0 };
      options.onLoss?.(error);
    }
    if (now - loss.at > options.giveUpAfterMs)
      return fail(
        new StrainflowError(
          "server-lost",
          `model "${model.name}": the server has been away for ${((now - loss.at) / 1000).toFixed(1)} s (${error.message}); ` +
            "start it again, or allow more time with giveUpAfterMs",
          { cause: error, details: { modelName: model.name, sequenceId } },
        ),
      );
    const resumeAt = oldest < 0 ? log.length : oldest;
    let from = resumeAt;
    // Back to where the memory ends, or to where this sequence began with all zeros before it.
    while (
      from > 0 &&
      resumeAt - from < priming &&
      log[from - 1]!.item.sequence === (log[resumeAt] ?? log[from - 1]!).item.sequence
    ) {
      const before = log[from - 1]!.item;
      if (before.data === undefined) break;
      const here = log[from]?.item;
      if (here?.data !== undefined && here.first) break;
      from--;
    }
    loss.sentAgain = log.slice(from, next).filter((entry) => entry.item.data !== undefined).length;
    next = from;
    retry = setTimeout(() => {
      retry = undefined;
      pump();
    }, backoffMs);
    backoffMs = Math.min(LONGEST_BACKOFF_MS, backoffMs * 2);
  }

  /** Ends the sequence, if it is open, and then the call. */
  function part(): void {
    if (over) return;
    over = true;
    farewell();
    events.idle(true);
    events.finished();
  }

  function farewell(): void {
    clearTimeout(retry);
    const leaving = call;
    if (leaving === undefined) return;
    try {
      if (open) send(tensors(undefined), sequenceId, false, true);
      leaving.end();
    } catch {
      leaving.cancel();
      return;
    }
    setTimeout(() => leaving.cancel(), PARTING_MS).unref();
  }

  function fail(error: unknown): void {
    if (over) return;
    over = true;
    farewell();
    events.failed(
      isStrainflowError(error) || error instanceof Error ? error : new Error(String(error), { cause: error }),
    );
  }

  return {
    offer(item, last) {
      if (over) return;
      log.push({ item, last, done: false });
      pump();
    },
    finish() {
      finishing = true;
      pump();
    },
    cancel() {
      if (over) return;
      over = true;
      farewell();
    },
  };
}
