import type { status } from "@grpc/grpc-js";
import type { Differs } from "../subject.ts";
import type { InferInit } from "../wire/messages.ts";

type Code = keyof typeof status;

/** A gRPC request that is refused, or (`OK`) that is not, however odd. */
export interface Refused {
  readonly what: string;
  readonly request: InferInit;
  readonly code: Code;
  readonly text?: string;
  readonly differs?: Differs<{ readonly code: Code; readonly text?: string }>;
}
