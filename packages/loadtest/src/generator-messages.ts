import type { GeneratorSpec } from "./generator.ts";
import type { Job } from "./run-shots.ts";
import type { SampleBatch } from "./sample-log.ts";

/** What a generator's process is asked for; each is answered once. */
export interface ToGenerator {
  readonly call: number;
  readonly ask:
    | { readonly type: "open"; readonly spec: GeneratorSpec }
    | { readonly type: "start"; readonly job: Job }
    | { readonly type: "take" }
    | { readonly type: "stop"; readonly drainMs: number };
}

export interface FromGenerator {
  readonly call: number;
  readonly batch?: SampleBatch;
  readonly error?: {
    readonly tag: string;
    readonly message: string;
    readonly details: Readonly<Record<string, unknown>>;
  };
}
