import {
  type InferCall,
  type InferRequest,
  type InferResponse,
  isStrainflowError,
  StrainflowError,
  type StreamingModel,
  type Tensor,
} from "@strainflow/series";
import { createAbandonedSequences } from "./abandoned-sequences.ts";
import type { SequenceSession, SequenceSessionEvents, SequenceSessionOptions } from "./sequence.ts";
import { createUpdateInputs, randomSequenceId } from "./sequence-inputs.ts";
import { firstOpen, type LogEntry, replayFrom } from "./sequence-log.ts";

interface Pending {
  /** Absent for a request that only ends a sequence. */
  readonly entry?: LogEntry;
  readonly id: bigint;
  readonly start: boolean;
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
  let log: LogEntry[] = [];
  /** Index in `log` of the next item to send. */
  let next = 0;
  let call: InferCall | undefined;
  let pending: Pending[] = [];
  let writable = true;
  let sequenceId = 0n;
  /** Whether the server has been given a START without an END for `sequenceId`. */
  let open = false;
  /** Whether that START was answered. */
  let begun = false;
  const abandoned = createAbandonedSequences();
  /** Told when the last words are said. */
  let parted: () => void = () => undefined;
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
    entry?: LogEntry,
  ): void {
    const request: InferRequest = {
      id: `${sent++}_${id}`,
      inputs,
      sequence: { id, start, end },
      ...(options.outputs === undefined ? {} : { outputs: options.outputs }),
    };
    pending.push({ id, start, ...(entry === undefined ? {} : { entry }) });
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
      lost(error) {
        if (over) parted();
        else if (current()) lost(error);
      },
      closed() {
        if (over) parted();
        else if (current())
          lost(new StrainflowError("stream-lost", `model "${model.name}": the server closed the stream`));
      },
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
        if (item.first) abandon();
        for (const old of abandoned.due()) send(tensors(undefined), old, false, true);
        const start = !open;
        if (start) {
          sequenceId = randomSequenceId();
          open = true;
          begun = false;
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
    const keepFrom = Math.max(0, firstOpen(log) - priming);
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
    if (entry === undefined) {
      abandoned.answered(due.id, response.error);
      return pump();
    }
    if (response.error !== undefined) {
      if (STATE_LOST.test(response.error.message)) return lost(response.error);
      return fail(response.error);
    }
    if (due.start && due.id === sequenceId) begun = true;
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

  /** The sequence that is open, if one is, is not gone on with. */
  function abandon(): void {
    if (open) abandoned.add(sequenceId, begun);
    open = false;
  }

  function lost(error: Error): void {
    call?.cancel();
    call = undefined;
    writable = true;
    abandoned.lost();
    if (pending.some((p) => p.entry !== undefined)) open = true;
    abandon();
    pending = [];
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
    const from = replayFrom(log, firstOpen(log), priming);
    loss.sentAgain = log.slice(from, next).filter((entry) => entry.item.data !== undefined).length;
    next = from;
    retry = setTimeout(() => {
      retry = undefined;
      pump();
    }, backoffMs);
    backoffMs = Math.min(LONGEST_BACKOFF_MS, backoffMs * 2);
  }

  /** Ends what is open, and then the call; a slot that is still held is given back before anyone hears of the end. */
  function part(): void {
    if (over) return;
    over = true;
    events.idle(true);
    farewell(() => events.finished());
  }

  /** `told`: when the last words are answered, if there are any, or their time is over. */
  function farewell(told?: () => void): void {
    clearTimeout(retry);
    abandon();
    const last = abandoned.all();
    try {
      if (call === undefined && last.length > 0) connect();
      for (const id of last) send(tensors(undefined), id, false, true);
      call?.end();
    } catch {
      call?.cancel();
      return told?.();
    }
    const limit = setTimeout(() => {
      call?.cancel();
      parted();
    }, PARTING_MS);
    const isAwaited = told !== undefined && last.length > 0;
    // A process that waits for the end must live to see it.
    if (!isAwaited) limit.unref();
    parted = () => {
      clearTimeout(limit);
      parted = () => undefined;
      if (isAwaited) told();
    };
    if (!isAwaited) told?.();
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
