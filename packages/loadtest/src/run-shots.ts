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

/** How many of `total` fall to generator `index`. */
export function shareCount(total: number, index: number, of: number): number {
  return Math.floor(total / of) + (index < total % of ? 1 : 0);
}

/** Puts a load on a target until it is stopped. */
export function runShots(target: Target, plan: ShotPlan, log: SampleLog, job: Job): Shooting {
  const { load, index, of } = job;
  const closed = load.kind === "concurrency";
  const limit = closed ? shareCount(load.concurrency, index, of) : job.maxInFlight;
  plan.resize(closed ? limit : shareCount(job.sequences, index, of), closed);
  const begin = job.startAt - performance.timeOrigin;
  const arrivals = closed ? undefined : shareOf(createArrivals(load, job.seed), index, of);
  const underWay = new Map<
    Shot,
    { readonly intended: number; readonly sent: number; readonly held: boolean }
  >();
  let due = arrivals === undefined ? begin : begin + arrivals();
  /** What is due from then on is not sent. */
  let lastDue = Number.POSITIVE_INFINITY;
  let abandoned = false;
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
    if (abandoned) return;
    for (let sent = 0; ; sent++) {
      const now = performance.now();
      if (due >= lastDue) return fireEnds();
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
    // A server that refuses at once must not keep us from everything else.
    if (error !== undefined && due < lastDue) wake(1);
    else if (closed || blocked || due >= lastDue) pump();
    if (isQuiet()) whenQuiet();
  }

  async function stop(drainMs: number): Promise<void> {
    const stoppedAt = performance.now();
    // What is due by now is sent: forgetting it would make a server that stalls look better than it is.
    lastDue = closed ? Number.NEGATIVE_INFINITY : stoppedAt;
    pump();
    if (!isQuiet()) {
      let timeout: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        whenQuiet = resolve;
        timeout = setTimeout(resolve, drainMs);
      });
      clearTimeout(timeout);
    }
    abandoned = true;
    cancelWake?.();
    const done = performance.now();
    for (const times of underWay.values()) log.add({ ...times, done, outcome: OUTCOME.unanswered });
    underWay.clear();
    for (; arrivals !== undefined && due < lastDue; due = begin + arrivals()) {
      const held = blocked || due <= freeSince;
      log.add({ intended: due, sent: Number.NaN, done, outcome: OUTCOME.unanswered, held });
    }
  }

  function isQuiet(): boolean {
    return underWay.size === 0 && due >= lastDue;
  }

  /** Those of open sequences: others may wait on the server for the slots that they hold. */
  function fireEnds(): void {
    for (const shot of plan.ends()) fire(shot, performance.now(), false);
  }

  wake(begin - performance.now());
  return { stop };
}
