import type { CompleteHandler } from "./handler.ts";
import { inferApart } from "./infer-apart.ts";
import { Lane } from "./lane.ts";
import { failed, failureOf, type Outcome, tellable } from "./outcome.ts";
import { within } from "./within.ts";

export interface PipelineOptions {
  /** Most messages of one batch. */
  readonly maxBatchSize: number;
  /** Milliseconds that a message may wait for others, where the handler is free before. */
  readonly maxQueueMs: number;
  /** Milliseconds that one stage may take over one batch. */
  readonly stageTimeoutMs: number;
  /** Told of every batch. Default: nobody. */
  readonly onBatch?: (figures: BatchFigures) => void;
}

/** What one batch was, and took: in seconds. */
export interface BatchFigures {
  readonly size: number;
  readonly failed: number;
  /** The longest that one of its messages waited. */
  readonly queueLength: number;
  readonly processRequestLength: number;
  readonly runInferenceLength: number;
  readonly processResponseLength: number;
}

interface Task {
  readonly message: unknown;
  readonly sinceMs: number;
  readonly done: (outcome: Outcome) => void;
}

/**
 * Takes messages one by one and runs them through a handler in batches. Whatever the batches are, each message gets its
 * own outcome; one that makes its batch fail is found, and fails alone.
 */
export class Pipeline {
  readonly #handler: CompleteHandler;
  readonly #options: PipelineOptions;
  #queue: Task[] = [];
  readonly #request = new Lane();
  readonly #inference = new Lane();
  readonly #response = new Lane();
  #timer: NodeJS.Timeout | undefined;
  #looking = false;

  constructor(handler: CompleteHandler, options: PipelineOptions) {
    this.#handler = handler;
    this.#options = options;
  }

  /** `done` is called once, later. */
  submit(message: unknown, done: (outcome: Outcome) => void): void {
    let problem: string | undefined;
    try {
      problem = this.#handler.validate(message);
    } catch (error) {
      problem = tellable(error);
    }
    if (typeof problem === "string") {
      const outcome = failed("invalid", tellable(problem));
      queueMicrotask(() => done(outcome));
      return;
    }
    this.#queue.push({ message, sinceMs: performance.now(), done });
    this.#lookSoon();
  }

  /** After all that comes in one go is in the queue. */
  #lookSoon(): void {
    if (this.#looking) return;
    this.#looking = true;
    queueMicrotask(() => {
      this.#looking = false;
      this.#look();
    });
  }

  #look(): void {
    const { maxBatchSize, maxQueueMs } = this.#options;
    const first = this.#queue[0];
    if (this.#request.busy || first === undefined) return;
    const waitMs = first.sinceMs + maxQueueMs - performance.now();
    if (this.#queue.length < maxBatchSize && waitMs > 0) {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#look();
      }, waitMs);
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const tasks = this.#queue.splice(0, maxBatchSize);
    void this.#run(tasks);
  }

  /** A batch keeps its stage until it is let into the next: what waits, waits in the queue, where batches grow. */
  async #run(tasks: readonly Task[]): Promise<void> {
    const { stageTimeoutMs } = this.#options;
    const handler = this.#handler;
    const messages = tasks.map(({ message }) => message);
    const marks = [performance.now()];
    let batch: unknown;
    let broken: { readonly error: unknown } | undefined;

    await this.#request.enter();
    try {
      batch = await within(handler.processRequest(messages), stageTimeoutMs, "processRequest");
    } catch (error) {
      broken = { error };
    }
    marks.push(performance.now());
    await this.#inference.enter();
    this.#request.leave();
    this.#lookSoon();
    const inferredFrom = performance.now();
    const items = await inferApart(handler, { messages, batch, broken, stageTimeoutMs });
    marks.push(performance.now());
    await this.#response.enter();
    this.#inference.leave();
    const respondedFrom = performance.now();
    const outcomes: Outcome[] = new Array(tasks.length);
    const waiting: Promise<void>[] = [];
    for (const [i, item] of items.entries()) {
      const answered = item.ok ? this.#respond(item.value) : item;
      if (answered instanceof Promise)
        waiting.push(
          answered.then((outcome) => {
            outcomes[i] = outcome;
          }),
        );
      else outcomes[i] = answered;
    }
    if (waiting.length > 0) await Promise.all(waiting);
    this.#response.leave();
    this.#options.onBatch?.({
      size: tasks.length,
      failed: outcomes.reduce((count, { ok }) => count + (ok ? 0 : 1), 0),
      queueLength: (marks[0]! - tasks[0]!.sinceMs) / 1000,
      processRequestLength: (marks[1]! - marks[0]!) / 1000,
      runInferenceLength: (marks[2]! - inferredFrom) / 1000,
      processResponseLength: (performance.now() - respondedFrom) / 1000,
    });
    for (const [i, task] of tasks.entries()) task.done(outcomes[i]!);
  }

  /** At once where the handler answers at once. */
  #respond(item: unknown): Outcome | Promise<Outcome> {
    try {
      const value = within(
        this.#handler.processResponse(item),
        this.#options.stageTimeoutMs,
        "processResponse",
      );
      if (!(value instanceof Promise)) return { ok: true, value };
      return value.then(
        (answer): Outcome => ({ ok: true, value: answer }),
        (error: unknown) => failureOf(error),
      );
    } catch (error) {
      return failureOf(error);
    }
  }
}
