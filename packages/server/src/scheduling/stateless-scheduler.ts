import type { TaskResult } from "../backends/compute-thread.ts";
import { type Instance, Instances, type TaskRunner } from "../backends/instances.ts";
import { cancelled, Refusal } from "../refusal.ts";
import { AnswerOrder } from "../requests/answer-order.ts";
import { requestLabel } from "../requests/check-request.ts";
import type { RawTensor, RawTensors } from "../tensors/raw-tensor.ts";
import type { FailureReason, Statistics } from "../watching/statistics.ts";
import { batchKey, joinBatch, splitBatch } from "./batch.ts";
import { type SchedulingClock, systemClock } from "./clock.ts";
import { type BatchChoice, type BatchItem, type BatchRules, formBatch } from "./form-batch.ts";
import { type Levels, PriorityQueue, type Urgency } from "./priority-queue.ts";
import { PATIENT } from "./queue-policy.ts";
import type { RaggedPlan } from "./ragged-batch.ts";
import type { RateTurn } from "./rate-limiter.ts";
import type { Done, Outcome, RequestUrgency, Scheduler, SequencePlace, Ticket, Timing } from "./scheduler.ts";
import { moveTensors, takeTensors } from "./task.ts";

/** How requests are put together; absent where each runs by itself. */
export interface Batching extends BatchRules {
  readonly levels: Levels;
  /** Answers leave in the order in which their requests left the queue. */
  readonly keepsOrder: boolean;
}

export interface StatelessOptions {
  /** The model's number in its threads. */
  readonly model: number;
  /** One per instance; the same thread may appear more than once. */
  readonly threads: readonly TaskRunner[];
  readonly statistics: Statistics;
  readonly batched: boolean;
  readonly batching?: Batching;
  /** How requests of different shapes are batched. */
  readonly ragged?: RaggedPlan;
  /** One per instance where a rate limiter gives them their turns. */
  readonly turns?: readonly RateTurn[];
  /** Default: the system's. */
  readonly clock?: SchedulingClock;
}

interface Job extends BatchItem {
  readonly inputs: RawTensors;
  readonly wanted: readonly string[];
  readonly done: Done;
}

const NO_LEVELS: Levels = { policies: [PATIENT], usual: 1 };
const NO_URGENCY: Urgency = { priority: 0, timeoutUs: 0 };

/**
 * A model without state: any instance takes any request, the most urgent and then the oldest first; several go together
 * where the configuration asks for dynamic batching.
 */
export class StatelessScheduler implements Scheduler {
  readonly #options: StatelessOptions;
  readonly #clock: SchedulingClock;
  readonly #instances: Instances;
  readonly #queue: PriorityQueue<Job>;
  readonly #order: AnswerOrder | undefined;
  /** When to look at the queue again, though nothing happens. */
  #alarm: { readonly atNs: number; readonly cancel: () => void } | undefined;

  constructor(options: StatelessOptions) {
    const { threads, turns, batching, clock = systemClock } = options;
    this.#options = options;
    this.#clock = clock;
    // Where nothing is gained by waiting, an instance is handed its next request before it has answered the last.
    const depth = batching === undefined && turns === undefined ? 2 : 1;
    this.#instances = new Instances({ threads, depth, turns });
    this.#queue = new PriorityQueue(batching?.levels ?? NO_LEVELS);
    this.#order = batching?.keepsOrder ? new AnswerOrder() : undefined;
  }

  get idle(): boolean {
    return this.#queue.size === 0 && this.#instances.idle;
  }

  get waiting(): number {
    return this.#queue.size;
  }

  holds(): boolean {
    return false;
  }

  get vacant(): boolean {
    return this.idle;
  }

  admit(_place: SequencePlace | undefined, urgency?: RequestUrgency): Ticket {
    let job: Job | undefined;
    return {
      run: (inputs, wanted, done) => {
        const { batched, batching, ragged, statistics } = this.#options;
        const size = batched ? (inputs.values().next().value?.shape[0] ?? 1) : 1;
        const key = batching === undefined ? "" : batchKey(inputs, ragged);
        const queuedNs = this.#clock.nowNs();
        job = { inputs, wanted, size, key, queuedNs, done };
        if (this.#queue.push(job, urgency ?? NO_URGENCY, queuedNs)) {
          this.#pump();
          return;
        }
        job = undefined;
        statistics.failed(0, "REJECTED");
        const label = requestLabel(urgency?.id ?? "");
        queueMicrotask(() => done(new Refusal("UNAVAILABLE", `${label}Exceeds maximum queue size`)));
      },
      abandon: () => {
        if (job === undefined || !this.#queue.remove(job)) return;
        this.#refuse(job, cancelled(), "CANCELED");
        // What waited behind it may be a batch now.
        this.#pump();
      },
    };
  }

  #refuse(job: Job, why: Refusal, reason: FailureReason): void {
    this.#options.statistics.failed(this.#clock.nowNs() - job.queuedNs, reason);
    queueMicrotask(() => job.done(why));
  }

  #pump(): void {
    const nowNs = this.#clock.nowNs();
    for (const job of this.#queue.expire(nowNs))
      this.#refuse(job, new Refusal("UNAVAILABLE", "Request timeout expired"), "REJECTED");
    let againNs = this.#queue.refusesAtNs;
    while (this.#queue.size > this.#instances.staged) {
      const instance = this.#instances.freest();
      if (instance === undefined) break;
      const choice = this.#choose(nowNs);
      if (!choice.run) {
        againNs = Math.min(againNs, choice.untilNs);
        break;
      }
      if (instance.turn === undefined) this.#start(this.#queue.take(choice.count), instance);
      else this.#stage(instance, instance.turn);
    }
    this.#wake(againNs);
  }

  #choose(nowNs: number): BatchChoice {
    const { batching } = this.#options;
    return batching === undefined ? ONE : formBatch(this.#queue.items(), batching, nowNs);
  }

  /** Waits for the instance's turn, and makes its batch of what is there then. */
  #stage(instance: Instance, turn: RateTurn): void {
    instance.staged = true;
    turn.ask(() => {
      instance.staged = false;
      const choice = this.#queue.size === 0 ? undefined : this.#choose(this.#clock.nowNs());
      if (choice?.run) this.#start(this.#queue.take(choice.count), instance);
      else {
        turn.release();
        if (choice !== undefined) this.#wake(choice.untilNs);
      }
    });
  }

  /** Looks again then. An alarm that is set for earlier is left: it finds nothing to do, and sets the next. */
  #wake(atNs: number): void {
    const none = atNs === Number.POSITIVE_INFINITY;
    if (!none && this.#alarm !== undefined && this.#alarm.atNs <= atNs) return;
    this.#alarm?.cancel();
    this.#alarm = undefined;
    if (none) return;
    const cancel = this.#clock.at(atNs, () => {
      this.#alarm = undefined;
      this.#pump();
    });
    this.#alarm = { atNs, cancel };
  }

  #start(jobs: readonly Job[], instance: Instance): void {
    const { model, ragged } = this.#options;
    const first = jobs[0];
    if (first === undefined) return;
    const alone = jobs.length === 1 && ragged === undefined;
    const inputs = alone
      ? first.inputs
      : joinBatch(
          jobs.map((job) => job.inputs),
          ragged,
        );
    const wanted = jobs.length === 1 ? first.wanted : [...new Set(jobs.flatMap((job) => job.wanted))];
    const places = this.#order === undefined ? undefined : jobs.map(() => this.#order?.take());
    const step = { model, inputs: identity(inputs.keys()), outputs: identity(wanted) };
    instance.running += 1;
    instance.thread.run([step], moveTensors(inputs), wanted, (result) => {
      instance.running -= 1;
      instance.turn?.release();
      this.#pump();
      this.#finish(jobs, result).forEach((tell, at) => {
        const place = places?.[at];
        if (place === undefined) tell();
        else place(tell);
      });
    });
  }

  /** What to tell each request. */
  #finish(jobs: readonly Job[], result: TaskResult | Refusal): readonly (() => void)[] {
    const { statistics, ragged } = this.#options;
    let outcomes: readonly Outcome[];
    const endNs = this.#clock.nowNs();
    const timingOf = (job: Job): Timing | undefined =>
      result instanceof Refusal ? undefined : { queuedNs: job.queuedNs, ...result.marks, endNs };
    if (result instanceof Refusal) outcomes = jobs.map(() => result);
    else {
      const outputs = takeTensors(result.tensors);
      const alone = jobs.length === 1 && ragged === undefined;
      outcomes = alone ? [outputs] : splitBatch(outputs, jobs, ragged);
      const inferences = jobs.reduce((sum, { size }) => sum + size, 0);
      statistics.executed(inferences, { ...result.marks, endNs });
    }
    return jobs.map((job, index) => {
      const outcome =
        outcomes[index] ?? new Refusal("INTERNAL", "a batch gave fewer outputs than it took inputs");
      const timing = timingOf(job);
      if (outcome instanceof Refusal || timing === undefined)
        statistics.failed(endNs - job.queuedNs, "BACKEND");
      else statistics.succeeded(timing);
      const own = jobs.length === 1 || outcome instanceof Refusal ? outcome : pick(outcome, job.wanted);
      return () => job.done(own, timing);
    });
  }
}

const ONE = { run: true, count: 1 } as const;

function identity(names: Iterable<string>): Record<string, string> {
  const map: Record<string, string> = {};
  for (const name of names) map[name] = name;
  return map;
}

/** Others in the batch may want more. */
function pick(outputs: RawTensors, wanted: readonly string[]): RawTensors {
  if (outputs.size === wanted.length) return outputs;
  const own = new Map<string, RawTensor>();
  for (const name of wanted) {
    const tensor = outputs.get(name);
    if (tensor !== undefined) own.set(name, tensor);
  }
  return own;
}
