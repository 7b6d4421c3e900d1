import type { BodyForm } from "./body.ts";
import type { PipelineOptions } from "./pipeline.ts";

/** What a worker thread is started with. */
export interface WorkerSettings extends Omit<PipelineOptions, "onBatch"> {
  /** The handler's module. */
  readonly path: string;
  /** Which worker it is, from 0. */
  readonly worker: number;
  /** Items of one message. */
  readonly maxItems: number;
  /** Figures, where the thread that answers scrapes sees them without asking. */
  readonly figures: SharedArrayBuffer;
}

/** Requests and replies go several at a time, one behind the other in one buffer: a message between threads costs by the piece. */
export type ToWorker =
  | {
      readonly type: "requests";
      readonly buffer: ArrayBuffer;
      readonly requests: readonly { readonly id: number; readonly form: BodyForm; readonly size: number }[];
    }
  | { readonly type: "close" };

export type FromWorker =
  | { readonly type: "loaded"; readonly input: string; readonly output: string }
  | { readonly type: "not-loaded"; readonly message: string }
  | {
      readonly type: "replies";
      readonly buffer: ArrayBuffer;
      readonly replies: readonly {
        readonly id: number;
        readonly status: number;
        readonly contentType: string;
        readonly size: number;
      }[];
    };
