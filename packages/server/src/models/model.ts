import { asRefusal, invalid, Refusal } from "../refusal.ts";
import { checkInputs, wantedOutputs } from "../requests/check-request.ts";
import type { Done, Outcome, Scheduler, SequencePlace, Ticket } from "../scheduling/scheduler.ts";
import { classify, type Labels } from "../tensors/classify.ts";
import type { RawTensors } from "../tensors/raw-tensor.ts";
import type { SharedPlace } from "../tensors/shared-tensors.ts";
import type { Statistics } from "../watching/statistics.ts";
import type { ModelSpec } from "./model-spec.ts";

/** A request for one model, whatever way it came. */
export interface ModelRequest {
  readonly id: string;
  readonly inputs: RawTensors;
  /** Names of the outputs wanted; all when absent or empty. */
  readonly outputs?: readonly string[];
  readonly sequence?: SequencePlace;
  /** 1 is the most urgent. Default 0: what the model has for its usual. */
  readonly priority?: number;
  /** How long it may wait in the queue, in microseconds. Default 0: as long as the model allows. */
  readonly queueTimeoutUs?: number;
  /** Outputs that are wanted as their so many best classes. */
  readonly classes?: ReadonlyMap<string, number>;
  /** Outputs that are to be put into shared memory. */
  readonly places?: ReadonlyMap<string, SharedPlace>;
  /** Of a decoupled model: its end is to be told by an empty response. */
  readonly emptyFinal?: boolean;
}

/** A request under way. */
export interface Pending {
  /** Nobody waits for the answer any more. `done` is still called, with a refusal if the request never ran. */
  abandon(): void;
  /** Of a decoupled model: its responses come when they come, and nobody else's wait for them. */
  readonly unordered?: boolean;
}

export interface ModelOptions {
  readonly spec: ModelSpec;
  readonly platform: string;
  readonly statistics: Statistics;
  readonly scheduler: Scheduler;
  /** What it runs on is up. */
  readonly isReady: () => boolean;
  readonly stateful: boolean;
  /** Lets go of what it holds in its threads; nothing is asked of it afterwards. */
  readonly release: () => void;
  /** An ensemble's models. */
  readonly steps?: readonly Model[];
}

const NO_LABELS: Labels = new Map();

/** One version of a model, loaded. */
export class Model {
  readonly spec: ModelSpec;
  readonly platform: string;
  readonly statistics: Statistics;
  readonly scheduler: Scheduler;
  /** It, or one of its steps, keeps states by sequence. */
  readonly stateful: boolean;
  readonly steps: readonly Model[];
  readonly #options: ModelOptions;

  constructor(options: ModelOptions) {
    this.#options = options;
    this.spec = options.spec;
    this.platform = options.platform;
    this.statistics = options.statistics;
    this.scheduler = options.scheduler;
    this.steps = options.steps ?? [];
    this.stateful = options.stateful || this.steps.some(({ stateful }) => stateful);
  }

  get ready(): boolean {
    return this.#options.isReady();
  }

  release(): void {
    this.#options.release();
  }

  /** @throws Refusal (INVALID_ARGUMENT) if the model cannot take these inputs */
  check(inputs: RawTensors, id: string): void {
    checkInputs(this.spec, inputs, id);
    if (this.#options.stateful && this.spec.maxBatchSize > 0) checkSingle(this.spec.name, inputs);
  }

  /**
   * Checks a request, takes its place in the order, and runs it. `done` is called once and never from inside; before
   * it `more`, for each response of a decoupled model.
   *
   * @throws Refusal if the request is not taken
   */
  infer(request: ModelRequest, done: Done, more?: (outcome: Outcome) => void): Pending {
    const { spec, scheduler } = this;
    const wanted = wantedOutputs(spec, request.outputs);
    this.check(request.inputs, request.id);
    const { id, sequence, priority = 0, queueTimeoutUs: timeoutUs = 0, classes } = request;
    let ticket: Ticket;
    try {
      ticket = scheduler.admit(sequence, { id, priority, timeoutUs });
    } catch (error) {
      const refusal: Refusal = asRefusal(error);
      // An ensemble takes what its steps refuse then, and answers it, as in Triton.
      if (this.steps.length === 0) throw refusal;
      queueMicrotask(() => done(refusal));
      return { abandon: () => {} };
    }
    if (classes === undefined) ticket.run(request.inputs, wanted, done, more);
    else {
      const decoupled = spec.config.modelTransactionPolicy?.decoupled === true;
      ticket.run(
        request.inputs,
        wanted,
        (outcome, timing) => done(decoupled ? outcome : this.#classified(classes, outcome), timing),
        more && ((outputs) => more(this.#classified(classes, outputs))),
      );
    }
    return ticket;
  }

  /** Outputs as classes, where they are wanted so. */
  #classified(classes: ReadonlyMap<string, number>, outcome: Outcome): Outcome {
    const { maxBatchSize, labels = NO_LABELS } = this.spec;
    if (outcome instanceof Refusal) return outcome;
    try {
      return classify(outcome, classes, maxBatchSize > 0, labels);
    } catch (error) {
      return asRefusal(error);
    }
  }
}

function checkSingle(name: string, inputs: RawTensors): void {
  for (const { shape } of inputs.values())
    if (shape[0] !== 1)
      throw invalid(
        `inference request to model '${name}' must specify batch-size 1 due to requirements of sequence batcher`,
      );
}
