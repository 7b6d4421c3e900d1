import { createArrivals, shareOf } from "./arrivals.ts";
import type { Load } from "./load.ts";
import { OUTCOME, type SampleLog } from "./sample-log.ts";
import type { ShotPlan } from "./shot-plan.ts";
import type { Outcome, Shot, Target } from "./target.ts";

/** One generator's part of a load. */
export interface Job {
  readonly load: Load;
  /** It is number `index` of `of` generators. */
  readonly index: number;
  readonly of: number;
  /** When the first request is due: milliseconds since the epoch. */
  readonly startAt: number;
  readonly seed: number;
  /** Requests under way at a time; those that are due beyond them wait, and their latency with them. */
  readonly maxInFlight: number;
  /** Sequences that are open at a time, of all generators together, where the load does not say it. */
  readonly sequences: number;
}

export interface Shooting {
  /**
   * No more requests, but the ends of open sequences; resolves when all are answered, or `drainMs` later. What has no
   * answer by then, or was due and never sent, is logged as unanswered.
   */
  stop(drainMs: number): Promise<void>;
}

/** Requests that are sent in one go before the event loop gets its turn: answers must be seen when they come. */
const BURST = 32;

/** What the ends of sequences get at least, in milliseconds: slots that are not freed are lost to the next load. */
const END_MS = 500;

/** How many of `total` fall to generator `index`. */
export function shareCount(total: number, index: number, of: number): number {
  return Math.floor(total / of) + (index < total % of ? 1 : 0);
}

/** Puts a load on a target until it is stopped. */
export function runShots(target: Target, plan: ShotPlan, log: SampleLog, job: Job): Shooting {
  const { load, index, of } = job;
  const closed = load.kind === "concurrency";
  const limit = closed ? shareCount(load.concurrency, index, of) : job.maxInFlight;
  plan.resize(closed ? limit : shareCount(job.sequences, index, of));
  const begin = job.startAt - performance.timeOrigin;
  const arrivals = closed ? undefined : shareOf(createArrivals(load, job.seed), index, of);
  const underWay = new Map<
    Shot,
    { readonly intended: number; readonly sent: number; readonly held: boolean }
  >();
  let due = arrivals === undefined ? begin : begin + arrivals();
  let running = true;
  /** Requests due before this had to wait for others. */
  let freeSince = Number.NEGATIVE_INFINITY;
  let blocked = false;
  let cancelWake: (() => void) | undefined;
  let whenQuiet: () => void = () => undefined;

  function wake(ms: number): void {
    if (cancelWake !== undefined) return;
    const run = (): void => {
      cancelWake = undefined;
      pump();
    };
    if (ms <= 0) {
      const immediate = setImmediate(run);
      cancelWake = () => clearImmediate(immediate);
    } else {
      const timer = setTimeout(run, ms);
      cancelWake = () => clearTimeout(timer);
    }
  }

  function pump(): void {
    if (!running) return;
    for (let sent = 0; ; sent++) {
      const now = performance.now();
      if (now < due) return wake(due - now);
      if (sent === BURST) return wake(0);
      const shot = underWay.size < limit ? plan.next() : undefined;
      if (shot === undefined) {
        blocked = true;
        return;
      }
      if (blocked) {
        blocked = false;
        freeSince = now;
      }
      fire(shot, closed ? now : due, !closed && due <= freeSince);
      if (arrivals !== undefined) due = begin + arrivals();
    }
  }

  function fire(planned: Shot, intended: number, held: boolean): void {
    // A copy: the same step may be under way twice.
    const shot = { ...planned };
    const sent = performance.now();
    underWay.set(shot, { intended: closed ? sent : intended, sent, held });
    const answer = target.send(shot);
    log.addSendBusy(performance.now() - sent);
    void answer.then((outcome) => settle(shot, outcome));
  }

  function settle(shot: Shot, { answeredAt, responses, error, wrong }: Outcome): void {
    const times = underWay.get(shot);
    // Given up: it is in the log already.
    if (times === undefined) return;
    underWay.delete(shot);
    plan.done(shot);
    log.addResponses(responses);
    if (error !== undefined) log.addError(error.message);
    else if (wrong !== undefined) log.addWrong(wrong);
    const outcome =
      error !== undefined ? OUTCOME.failed : wrong !== undefined ? OUTCOME.wrong : OUTCOME.answered;
    log.add({ ...times, done: answeredAt, outcome });
    if (underWay.size === 0) whenQuiet();
    // A server that refuses at once must not keep us from everything else.
    if (running && (closed || blocked)) {
      if (error === undefined) pump();
      else wake(1);
    }
  }

  async function stop(drainMs: number): Promise<void> {
    running = false;
    const stoppedAt = performance.now();
    cancelWake?.();
    // Those that were due and never sent: forgetting them would make a server that stalls look better than it is.
    while (arrivals !== undefined && due < stoppedAt) {
      log.add({
        intended: due,
        sent: Number.NaN,
        done: stoppedAt,
        outcome: OUTCOME.unanswered,
        held: due <= freeSince || blocked,
      });
      due = begin + arrivals();
    }
    await quiet(drainMs);
    for (const shot of plan.endAll()) fire(shot, performance.now(), false);
    await quiet(Math.max(END_MS, stoppedAt + drainMs - performance.now()));
  }

  /** Waits until nothing is under way; what still is after `ms` is given up. */
  async function quiet(ms: number): Promise<void> {
    if (underWay.size > 0) {
      let timeout: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        whenQuiet = resolve;
        timeout = setTimeout(resolve, ms);
      });
      clearTimeout(timeout);
    }
    for (const times of underWay.values())
      log.add({ ...times, done: performance.now(), outcome: OUTCOME.unanswered });
    underWay.clear();
  }

  wake(begin - performance.now());
  return { stop };
}
