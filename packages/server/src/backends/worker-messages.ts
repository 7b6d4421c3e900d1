import type { Datatype } from "@strainflow/series";

/*
 * What the event loop and its compute threads say to each other. ArrayBuffers are transferred, never copied.
 */

export interface MovedTensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly buffer: ArrayBuffer;
}

export interface StateSpec {
  readonly input: string;
  readonly output: string;
  readonly datatype: Datatype;
  /** With the batch dimension. */
  readonly shape: readonly number[];
  /** It may take another shape of as many dimensions: the configuration leaves a size open. */
  readonly anySize?: boolean;
  /** Row-major bytes of the first state; zeros when absent. */
  readonly initial?: Uint8Array;
}

/** A kernel in TypeScript in place of the ONNX file; the numbers are the same. */
export interface NativeSpec {
  readonly kind: "snapshotter" | "aggregator";
  readonly input: string;
  readonly inputShape: readonly number[];
  /** Names and shapes of the outputs, in order. */
  readonly outputs: readonly { readonly name: string; readonly shape: readonly number[] }[];
  readonly parameters: Readonly<Record<string, string>>;
}

export interface ProviderSpec {
  readonly name: string;
  /** Options of the provider's own. */
  readonly parameters: Readonly<Record<string, string>>;
}

export interface LoadSpec {
  readonly path: string;
  readonly intraOpThreads: number;
  readonly interOpThreads: number;
  readonly optimizationLevel: "disabled" | "basic" | "all";
  /** ONNX Runtime's execution providers to try before its CPU's own, in order. */
  readonly providers?: readonly ProviderSpec[];
  readonly states: readonly StateSpec[];
  readonly native?: NativeSpec;
}

/** One model's turn within a task. */
export interface StepRun {
  readonly model: number;
  /** Model's input name → the task's tensor name. */
  readonly inputs: Readonly<Record<string, string>>;
  /** Model's output name → the task's tensor name. */
  readonly outputs: Readonly<Record<string, string>>;
  /** Of a stateful model: whose states each row of the batch is run with; null for a row that is nobody's. */
  readonly rows?: readonly (StateRow | null)[];
}

export interface StateRow {
  /** Names the states: never used twice. */
  readonly state: number;
  /** The states begin anew. */
  readonly start: boolean;
  /** The states are not needed again. */
  readonly end: boolean;
}

export interface RunMarks {
  readonly beganNs: number;
  readonly runNs: number;
  readonly ranNs: number;
}

/** A chain of models to run. */
export interface RunTask {
  readonly type: "run";
  readonly task: number;
  readonly steps: readonly StepRun[];
  readonly tensors: readonly MovedTensor[];
  /** Names of the task's tensors that come back. */
  readonly wanted: readonly string[];
}

/** What comes of a task. */
export interface TaskDone {
  readonly type: "done";
  readonly task: number;
  readonly tensors: readonly MovedTensor[];
  /** When the thread took the task, when its first model began, and when its last one ended: `nowNs`. */
  readonly marks: RunMarks;
}

export type ToWorker =
  | { readonly type: "load"; readonly model: number; readonly spec: LoadSpec }
  | RunTask
  /** Answered with the states, as a task is. */
  | { readonly type: "save"; readonly task: number; readonly model: number; readonly state: number }
  /** Answered with nothing, as a task is. */
  | {
      readonly type: "restore";
      readonly task: number;
      readonly model: number;
      readonly state: number;
      readonly tensors: readonly MovedTensor[];
    }
  | { readonly type: "forget"; readonly state: number }
  | { readonly type: "unload"; readonly model: number }
  | { readonly type: "close" }
  | { readonly type: "crash" };

/** What a graph says of one of its tensors; −1 where any size will do. */
export interface GraphTensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
}

export type FromWorker =
  | {
      readonly type: "loaded";
      readonly model: number;
      readonly inputs: readonly GraphTensor[];
      readonly outputs: readonly GraphTensor[];
    }
  | { readonly type: "not-loaded"; readonly model: number; readonly message: string }
  | TaskDone
  | { readonly type: "failed"; readonly task: number; readonly step: number; readonly message: string }
  | { readonly type: "closed" };
