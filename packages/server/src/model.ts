import { checkInputs, wantedOutputs } from "./check-request.ts";
import type { ModelSpec } from "./model-spec.ts";
import type { RawTensors } from "./raw-tensor.ts";
import { asRefusal, invalid, type Refusal } from "./refusal.ts";
import type { Outcome, Scheduler, SequencePlace, Ticket } from "./scheduler.ts";
import type { Statistics } from "./statistics.ts";

/** A request for one model, whatever way it came. */
export interface ModelRequest {
  readonly id: string;
  readonly inputs: RawTensors;
  /** Names of the outputs wanted; all when absent or empty. */
  readonly outputs?: readonly string[];
  readonly sequence?: SequencePlace;
}

/** A request under way. */
export interface Pending {
  /** Nobody waits for the answer any more. `done` is still called, with a refusal if the request never ran. */
  abandon(): void;
}

export interface ModelOptions {
  readonly spec: ModelSpec;
  readonly platform: string;
  readonly statistics: Statistics;
  readonly scheduler: Scheduler;
  /** What it runs on is up. */
  readonly isReady: () => boolean;
  readonly stateful: boolean;
}

/** One version of a model, loaded. */
export class Model {
  readonly spec: ModelSpec;
  readonly platform: string;
  readonly statistics: Statistics;
  readonly scheduler: Scheduler;
  readonly #options: ModelOptions;

  constructor(options: ModelOptions) {
    this.#options = options;
    this.spec = options.spec;
    this.platform = options.platform;
    this.statistics = options.statistics;
    this.scheduler = options.scheduler;
  }

  get ready(): boolean {
    return this.#options.isReady();
  }

  /** @throws Refusal (INVALID_ARGUMENT) if the model cannot take these inputs */
  check(inputs: RawTensors, id: string): void {
    checkInputs(this.spec, inputs, id);
    if (this.#options.stateful && this.spec.maxBatchSize > 0) checkSingle(this.spec.name, inputs);
  }

  /** Checks a request, takes its place in the order, and runs it. `done` is called once and never from inside. */
  infer(request: ModelRequest, done: (outcome: Outcome) => void): Pending {
    const { spec, scheduler } = this;
    let ticket: Ticket;
    let wanted: readonly string[];
    try {
      this.check(request.inputs, request.id);
      wanted = wantedOutputs(spec, request.outputs);
      ticket = scheduler.admit(request.sequence);
    } catch (error) {
      const refusal: Refusal = asRefusal(error);
      queueMicrotask(() => done(refusal));
      return { abandon: () => {} };
    }
    ticket.run(request.inputs, wanted, done);
    return ticket;
  }
}

function checkSingle(name: string, inputs: RawTensors): void {
  for (const { shape } of inputs.values())
    if (shape[0] !== 1)
      throw invalid(
        `inference request to model '${name}' must specify batch-size 1 due to requirements of sequence batcher`,
      );
}
