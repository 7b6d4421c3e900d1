import { Worker } from "node:worker_threads";
import type { Port } from "../models/model-spec.ts";
import { invalid, Refusal, type StatusCode } from "../refusal.ts";
import type { RawTensors } from "../tensors/raw-tensor.ts";
import type { SharedPlace } from "../tensors/shared-tensors.ts";
import type { AnswerOf } from "./answer.ts";
import type { GenerateJob } from "./generate-request.ts";
import type { AnswerForm, HttpInfer } from "./infer.ts";

/*
 * A megabyte of JSON takes up to a quarter of a second to read, and its values many times its memory: what is long is read
 * and written in a thread of its own, so that nobody else waits for it.
 */

export type JsonTask =
  | { readonly kind: "infer"; readonly body: Uint8Array; readonly jsonSize: number; readonly model: string }
  | {
      readonly kind: "generate";
      readonly body: Uint8Array;
      readonly inputs: ReadonlyMap<string, Port>;
      readonly maxBatchSize: number;
    }
  | {
      readonly kind: "format";
      readonly of: AnswerOf;
      readonly outputs: RawTensors;
      readonly form: AnswerForm;
    };

export interface ReadInfer extends HttpInfer {
  /** Inputs that lie in shared memory, which that thread has not. */
  readonly elsewhere: ReadonlyMap<string, SharedPlace>;
}

/** A formatted answer. */
export interface Written {
  readonly json: Uint8Array;
  readonly tensors: readonly Uint8Array[];
}

interface Results {
  readonly infer: ReadInfer;
  readonly generate: GenerateJob;
  readonly format: Written;
}

export type ToJsonThread = { readonly id: number } & JsonTask;
export type FromJsonThread = { readonly id: number } & (
  | { readonly result: Results[keyof Results] }
  | { readonly code: StatusCode; readonly message: string }
);

/** Bytes of JSON, or of tensors that become JSON, which are not worth the way to another thread: a few milliseconds. */
const SHORT = 64 * 1024;

export function isLong(byteSize: number): boolean {
  return byteSize > SHORT;
}

/** Far above what `checkCost` lets through: a thread that reaches it takes the process with it. */
const HEAP_MB = 4096;

/** A thread that nobody has asked for so long goes, with its memory, in milliseconds. */
const IDLE_MS = 5000;

interface Waiting {
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

class JsonThread {
  #worker: Worker | undefined;
  #last = 0;
  readonly #waiting = new Map<number, Waiting>();
  #idle: NodeJS.Timeout | undefined;

  /** @throws Refusal */
  run<K extends JsonTask["kind"]>(task: Extract<JsonTask, { kind: K }>): Promise<Results[K]> {
    const worker = this.#worker ?? this.#start();
    clearTimeout(this.#idle);
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      // A body that lies alone in its memory goes over with it: nobody else reads it any more.
      const whole =
        "body" in task && task.body.byteLength === task.body.buffer.byteLength ? task.body : undefined;
      const { buffer } = whole ?? {};
      worker.postMessage({ ...task, id }, buffer instanceof ArrayBuffer ? [buffer] : []);
    });
  }

  #start(): Worker {
    // From sources as from the build: a worker thread needs the built file.
    const worker = new Worker(new URL("../../dist/json-worker.js", import.meta.url), {
      name: "json",
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    });
    worker.unref();
    worker.on("message", (message: FromJsonThread) => {
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if ("result" in message) waiting?.resolve(message.result as never);
      else waiting?.reject(new Refusal(message.code, message.message));
      if (this.#waiting.size === 0) this.#rest(worker);
    });
    worker.on("error", () => {});
    worker.on("exit", () => {
      if (this.#worker === worker) this.#worker = undefined;
      const lost = [...this.#waiting.values()];
      this.#waiting.clear();
      for (const { reject } of lost)
        reject(invalid("the values of the request's JSON take more memory than there is for them"));
    });
    this.#worker = worker;
    return worker;
  }

  #rest(worker: Worker): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      if (this.#worker !== worker || this.#waiting.size > 0) return;
      this.#worker = undefined;
      void worker.terminate();
    }, IDLE_MS).unref();
  }
}

/** One for the process, started when it is wanted. */
export const jsonThread: Pick<JsonThread, "run"> = new JsonThread();
