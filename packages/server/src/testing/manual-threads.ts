import type { TaskRunner } from "../backends/instances.ts";
import type { MovedTensor } from "../backends/worker-messages.ts";
import type { SchedulingClock } from "../scheduling/clock.ts";
import type { RawTensor } from "../tensors/raw-tensor.ts";

/** A clock that goes on when the test says so. */
export class ManualClock implements SchedulingClock {
  #nowNs = 0;
  #alarms: { readonly atNs: number; readonly call: () => void }[] = [];

  nowNs(): number {
    return this.#nowNs;
  }

  at(atNs: number, call: () => void): () => void {
    const alarm = { atNs, call };
    this.#alarms.push(alarm);
    return () => {
      this.#alarms = this.#alarms.filter((other) => other !== alarm);
    };
  }

  /** Goes from alarm to alarm, those of one time in the order in which they were set, until there are none. */
  async runAll(): Promise<void> {
    for (let left = 10_000; this.#alarms.length > 0; left--) {
      if (left === 0) throw new Error("the alarms do not end");
      let next = this.#alarms[0];
      for (const alarm of this.#alarms) if (next === undefined || alarm.atNs < next.atNs) next = alarm;
      this.#alarms = this.#alarms.filter((other) => other !== next);
      this.#nowNs = Math.max(this.#nowNs, next?.atNs ?? 0);
      next?.call();
      await Promise.resolve();
    }
  }
}

/** What ran together. */
export interface Batch {
  /** Requests by the numbers that their rows hold. */
  readonly members: readonly number[];
  readonly atMs: number;
  readonly endMs: number;
}

/** `rows` rows of `width` numbers: the request's, and where in it each is. */
export function rowsOf(request: number, rows: number, width: number): RawTensor {
  const data = Float32Array.from({ length: rows * width }, (_, at) => request * 100 + at);
  return { datatype: "FP32", shape: [rows, width], data: new Uint8Array(data.buffer), movable: false };
}

/** A thread whose only model gives back what it takes, `y` for `x`, after a while. */
export class ManualThread implements TaskRunner {
  readonly alive = true;
  pending = 0;
  readonly #clock: ManualClock;
  readonly #batches: Batch[];
  readonly #runMs: (batch: number) => number;

  constructor(clock: ManualClock, batches: Batch[], runMs: (batch: number) => number) {
    this.#clock = clock;
    this.#batches = batches;
    this.#runMs = runMs;
  }

  run: TaskRunner["run"] = (_steps, tensors, wanted, done) => {
    const beganNs = this.#clock.nowNs();
    const endNs = beganNs + this.#runMs(this.#batches.length) * 1e6;
    const [x] = tensors;
    if (x === undefined) throw new Error("a task has a tensor");
    const values = new Float32Array(x.buffer);
    const members = [...new Set([...values].map((value) => Math.floor(value / 100)))];
    this.#batches.push({ members, atMs: beganNs / 1e6, endMs: endNs / 1e6 });
    this.pending += 1;
    this.#clock.at(endNs, () => {
      this.pending -= 1;
      const outputs: MovedTensor[] = wanted.map((name) => ({ ...x, name }));
      done({ tensors: outputs, marks: { beganNs, runNs: beganNs, ranNs: endNs } });
    });
  };
}
