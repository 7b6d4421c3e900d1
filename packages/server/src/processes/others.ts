import type { IncomingMessage, ServerResponse } from "node:http";
import type { ModelStatistics } from "@strainflow/proto";
import type { Answer, AnswerForm } from "../core.ts";
import type { Pending } from "../models/model.ts";
import type { SequencePlace } from "../scheduling/scheduler.ts";
import type { Command } from "./commands.ts";

/** An encoded request, and what hears of its answers: as `Core.infer` takes them. */
export interface ForwardedRequest {
  readonly message: Uint8Array;
  readonly form: AnswerForm;
  readonly id: string;
  readonly done: (answer: Answer) => void;
  readonly more: ((response: Buffer) => void) | undefined;
}

/** The other processes of the same server, as one of them sees them. */
export interface Others {
  /** All are up, as far as this process was told. */
  readonly ready: boolean;
  /** Sends a request to the process that its sequence belongs to; `undefined` where that is this one. */
  infer(place: SequencePlace, request: ForwardedRequest): Pending | undefined;
  /** Whether a sequence belongs to another process. */
  elsewhere(id: bigint | string): boolean;
  /** Has the process that a sequence belongs to answer an HTTP request whose body is `body`. */
  answer(id: bigint | string, request: IncomingMessage, body: Buffer, response: ServerResponse): void;
  /** Has all do it. @throws Refusal */
  command(command: Command): Promise<void>;
  /** Sums over all, of all models. */
  statistics(): Promise<readonly ModelStatistics[]>;
}
