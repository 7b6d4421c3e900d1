import { StrainflowError } from "@strainflow/series";
import { errorReply } from "./body.ts";
import { HandlerThread, type Posted, type ThreadEnd, type ThreadOptions } from "./handler-thread.ts";
import { WorkerFigures } from "./worker-figures.ts";
import type { WorkerSettings } from "./worker-messages.ts";

export interface PoolOptions
  extends Pick<ThreadOptions, "requestTimeoutMs" | "loadTimeoutMs" | "maxHeapMiB"> {
  readonly workers: number;
  readonly settings: Omit<WorkerSettings, "worker" | "figures">;
  /** Told what happens to workers. */
  readonly log: (line: string) => void;
}

/** A worker that dies so often within a minute is not replaced again. */
const MAX_DEATHS = 10;
const DEATHS_WINDOW_MS = 60_000;
const CHECK_MS = 100;

interface Place {
  thread: HandlerThread | undefined;
  readonly figures: WorkerFigures;
  readonly memory: SharedArrayBuffer;
  deaths: number[];
  lost: number;
}

/** Workers that take requests in turn, the least busy first; one that dies is replaced. */
export class WorkerPool {
  readonly #options: PoolOptions;
  readonly #places: readonly Place[];
  readonly #timer: NodeJS.Timeout;
  #turn = 0;
  /** All had their handler once: from then on, who ends is started again. */
  #isUp = false;
  #closing = false;
  #changed: () => void = () => {};
  #notLoaded: string | undefined;

  private constructor(options: PoolOptions) {
    this.#options = options;
    this.#places = Array.from({ length: options.workers }, () => {
      const memory = WorkerFigures.allocate();
      return { thread: undefined, memory, figures: new WorkerFigures(memory), deaths: [], lost: 0 };
    });
    for (const worker of this.#places.keys()) this.#start(worker);
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      for (const { thread } of this.#places) thread?.checkTime(nowMs);
    }, CHECK_MS);
  }

  /** @throws `handler-not-loaded` */
  static async start(options: PoolOptions): Promise<WorkerPool> {
    const pool = new WorkerPool(options);
    await new Promise<void>((resolve) => {
      pool.#changed = () => {
        if (pool.ready === options.workers || pool.#notLoaded !== undefined) resolve();
      };
    });
    if (pool.#notLoaded === undefined) {
      pool.#isUp = true;
      return pool;
    }
    await pool.close(0);
    throw new StrainflowError("handler-not-loaded", `${options.settings.path}: ${pool.#notLoaded}`, {
      details: { path: options.settings.path },
    });
  }

  /** Workers that have their handler. */
  get ready(): number {
    return this.#places.filter(({ thread }) => thread?.loaded === true).length;
  }

  /** Requests in workers. */
  get pending(): number {
    return this.#places.reduce((sum, { thread }) => sum + (thread?.pending ?? 0), 0);
  }

  /** Of each worker: what it counted, and how often it died. */
  get figures(): readonly {
    readonly figures: WorkerFigures;
    readonly lost: number;
    readonly pending: number;
  }[] {
    return this.#places.map(({ figures, lost, thread }) => ({
      figures,
      lost,
      pending: thread?.pending ?? 0,
    }));
  }

  send(posted: Posted): void {
    const thread = this.#leastBusy();
    if (thread === undefined)
      posted.answer(errorReply(503, "worker-lost", "no worker is left: the handler died too often"));
    else thread.send(posted);
  }

  /** Ends the workers: those that have nothing to do at once, the others after `drainMs`. */
  async close(drainMs: number): Promise<void> {
    const untilMs = performance.now() + drainMs;
    while (this.pending > 0 && performance.now() < untilMs)
      await new Promise((resolve) => setTimeout(resolve, 10));
    this.#closing = true;
    clearInterval(this.#timer);
    const gone = new Promise<void>((resolve) => {
      this.#changed = () => this.#places.every(({ thread }) => thread === undefined) && resolve();
    });
    for (const { thread } of this.#places) {
      if (thread?.pending === 0 && thread.loaded) thread.close();
      else thread?.end("the server ends");
    }
    // A handler may have timers of its own, which would keep its thread.
    const late = setTimeout(() => {
      for (const { thread } of this.#places) thread?.end("the server ends");
    }, 500);
    this.#changed();
    await gone;
    clearTimeout(late);
  }

  #leastBusy(): HandlerThread | undefined {
    const count = this.#places.length;
    let best: HandlerThread | undefined;
    for (let i = 0; i < count; i++) {
      const { thread } = this.#places[(this.#turn + i) % count]!;
      if (thread === undefined) continue;
      const better = best === undefined || (thread.loaded && !best.loaded) || thread.pending < best.pending;
      if (better && (best?.loaded !== true || thread.loaded)) best = thread;
    }
    this.#turn = (this.#turn + 1) % count;
    return best;
  }

  #start(worker: number): void {
    const { requestTimeoutMs, loadTimeoutMs, maxHeapMiB, settings } = this.#options;
    const place = this.#places[worker]!;
    place.thread = new HandlerThread({
      requestTimeoutMs,
      loadTimeoutMs,
      maxHeapMiB,
      settings: { ...settings, worker, figures: place.memory },
      onLoaded: () => this.#changed(),
      figures: place.figures,
      onGone: (end) => this.#gone(worker, end),
    });
  }

  #gone(worker: number, { reason, loaded, untouched }: ThreadEnd): void {
    const place = this.#places[worker]!;
    place.thread = undefined;
    if (!loaded) this.#notLoaded ??= reason ?? "it ended";
    if (this.#isUp && !this.#closing && reason !== undefined) {
      place.lost++;
      const nowMs = performance.now();
      place.deaths = [...place.deaths.filter((at) => nowMs - at < DEATHS_WINDOW_MS), nowMs];
      const again = place.deaths.length <= MAX_DEATHS;
      this.#options.log(
        `worker ${worker} is gone: ${reason}; ${again ? "another is started" : "it died too often"}`,
      );
      if (again) this.#start(worker);
    }
    for (const posted of untouched)
      if (this.#closing) posted.answer(errorReply(503, "overloaded", "the server is closing"));
      // What could not be loaded once may never be: nobody is to wait for it.
      else if (!loaded && this.ready === 0)
        posted.answer(errorReply(503, "worker-lost", "no worker could be started for this request"));
      else this.send(posted);
    this.#changed();
  }
}
