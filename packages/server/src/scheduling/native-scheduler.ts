import type { ModelSpec } from "../models/model-spec.ts";
import { asRefusal, cancelled, Refusal } from "../refusal.ts";
import type { RawTensors } from "../tensors/raw-tensor.ts";
import type { Statistics } from "../watching/statistics.ts";
import { nowNs } from "./monotonic.ts";
import type { Done, More, Scheduler, Ticket } from "./scheduler.ts";

/** A model that is a few lines of this server: cheap enough for the thread that speaks to clients. */
export interface Kernel {
  readonly decoupled: boolean;
  /** @throws what `fail` makes, if the model's inputs and outputs are not what it takes */
  check(spec: ModelSpec, fail: (why: string) => Error): void;
  /** Gives outputs by `emit`: one set, or of a decoupled kernel any number. What it throws is the request's refusal. */
  run(spec: ModelSpec, inputs: RawTensors, emit: More, signal: AbortSignal): Promise<void> | void;
}

/** Runs each request by itself as it comes. */
export class NativeScheduler implements Scheduler {
  readonly #spec: ModelSpec;
  readonly #kernel: Kernel;
  readonly #statistics: Statistics;
  #running = 0;

  constructor(spec: ModelSpec, kernel: Kernel, statistics: Statistics) {
    this.#spec = spec;
    this.#kernel = kernel;
    this.#statistics = statistics;
  }

  get idle(): boolean {
    return this.#running === 0;
  }

  get waiting(): number {
    return 0;
  }

  holds(): boolean {
    return false;
  }

  get vacant(): boolean {
    return this.idle;
  }

  admit(): Ticket {
    const abort = new AbortController();
    return {
      run: (inputs, wanted, done, more) => {
        this.#running += 1;
        this.#run(inputs, wanted, { done, more, signal: abort.signal }).finally(() => {
          this.#running -= 1;
        });
      },
      abandon: () => abort.abort(),
    };
  }

  async #run(
    inputs: RawTensors,
    wanted: readonly string[],
    { done, more, signal }: { done: Done; more: More | undefined; signal: AbortSignal },
  ): Promise<void> {
    const queuedNs = nowNs();
    const { decoupled } = this.#kernel;
    let last: RawTensors = new Map();
    try {
      // Never from inside: not even where the kernel is done at once.
      await undefined;
      const pick = (outputs: RawTensors): RawTensors =>
        new Map([...outputs].filter(([name]) => wanted.includes(name)));
      await this.#kernel.run(
        this.#spec,
        inputs,
        (outputs) => {
          if (signal.aborted) return;
          if (decoupled) more?.(pick(outputs));
          else last = pick(outputs);
        },
        signal,
      );
      if (signal.aborted) throw cancelled();
    } catch (error) {
      const refusal = asRefusal(error);
      this.#statistics.failed(nowNs() - queuedNs, refusal.code === "CANCELLED" ? "CANCELED" : "BACKEND");
      done(refusal);
      return;
    }
    const endNs = nowNs();
    const timing = { queuedNs, beganNs: queuedNs, runNs: queuedNs, ranNs: endNs, endNs };
    const size = this.#spec.maxBatchSize > 0 ? (inputs.values().next().value?.shape[0] ?? 1) : 1;
    this.#statistics.executed(size, timing);
    this.#statistics.succeeded(timing);
    done(last, timing);
  }
}

/** A request that a kernel cannot run. */
export function unfit(message: string): Refusal {
  return new Refusal("INVALID_ARGUMENT", message);
}
