import type { Call, CallHandler } from "./call.ts";
import type { CallStatus } from "./status.ts";

/** What is served under a path. */
export interface Endpoint {
  /** `/package.Service/Method` */
  readonly path: string;
  /** Takes a call; what it throws becomes the call's status. */
  readonly open: (call: Call) => CallHandler;
}

/** The path of a method on the wire. */
export function pathOf(method: {
  readonly parent: { readonly typeName: string };
  readonly name: string;
}): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** Handles calls that bring one message: `run` gets it once the client has said that it was the only one. */
export class OneMessage implements CallHandler {
  readonly #call: Call;
  readonly #run: (message: Buffer) => (() => void) | undefined;
  #message: Buffer | undefined;
  #abandon: (() => void) | undefined;

  /** @param run gives what to do when nobody waits for the answer any more */
  constructor(call: Call, run: (message: Buffer) => (() => void) | undefined) {
    this.#call = call;
    this.#run = run;
  }

  message(message: Buffer): void {
    if (this.#message === undefined) this.#message = message;
    else this.#refuse("Received a second request message, where one is all there may be");
  }

  end(): void {
    const message = this.#message;
    if (message === undefined) this.#refuse("Received no request message");
    else this.#abandon = this.#run(message);
  }

  lost(): void {
    this.#abandon?.();
  }

  #refuse(details: string): void {
    const status: CallStatus = { code: "UNIMPLEMENTED", details };
    this.#call.finish(status);
  }
}
