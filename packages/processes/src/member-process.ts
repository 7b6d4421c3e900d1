import { type ChildProcess, fork } from "node:child_process";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { StrainflowError } from "@strainflow/series";
import type { FromProcess, ToProcess } from "./messages.ts";
import { Questions, replyOf } from "./questions.ts";

export interface MemberOptions {
  readonly entry: URL;
  readonly nodeFlags: readonly string[];
  readonly index: number;
  readonly count: number;
  readonly init: unknown;
  /** Answers what the process asks. */
  readonly answer: (question: unknown) => unknown;
}

/** How a process ended: `exit code 1`, `signal SIGKILL`. */
export type Ended = string;

/** One of the processes, as the front has it. */
export class MemberProcess {
  readonly index: number;
  /** It has said that it is ready; rejects with what it said instead, or how it ended. */
  readonly ready: Promise<void>;
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  readonly #questions = new Questions();
  /** On their way to it. They are closed here when they have arrived there, or the process is gone. */
  readonly #handed = new Map<number, Socket>();
  #lastHanded = 0;
  #gone = false;

  constructor({ entry, nodeFlags, index, count, init, answer }: MemberOptions) {
    this.index = index;
    // Not the flags that we run with: two processes cannot listen on one inspector's port.
    const child = fork(fileURLToPath(entry), [], {
      execArgv: [...nodeFlags],
      serialization: "advanced",
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    this.#child = child;
    this.ended = new Promise((resolve) => {
      child.once("exit", (code, signal) =>
        resolve(signal === null ? `exit code ${code}` : `signal ${signal}`),
      );
      child.once("error", (error) => {
        if (child.pid === undefined) resolve(error.message);
      });
    });
    this.ready = new Promise((resolve, reject) => {
      child.on("message", (message: FromProcess) => {
        if (message.type === "taken") this.#close(message.id);
        else if (message.type === "ready") resolve();
        else if (message.type === "failed")
          reject(new StrainflowError(message.tag ?? "process-failed", message.message));
        else if (message.type === "reply") this.#questions.replied(message.id, message.reply);
        else
          void replyOf(() => answer(message.question)).then((reply) =>
            this.#send({ type: "reply", id: message.id, reply }),
          );
      });
      void this.ended.then((how) => reject(lost(index, how)));
    });
    this.ready.catch(() => {});
    void this.ended.then((how) => {
      this.#gone = true;
      this.#questions.lose(lost(index, how));
      for (const id of [...this.#handed.keys()]) this.#close(id);
    });
    this.#send({ type: "start", index, count, init });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** @throws `process-lost` if it ends before it has answered, and what it throws */
  ask(question: unknown): Promise<unknown> {
    if (this.#gone) return Promise.reject(lost(this.index, "it had ended"));
    return this.#questions.ask((id) => this.#send({ type: "ask", id, question }));
  }

  /** Gives it a connection of which nothing has been read. */
  hand(port: string, socket: Socket): void {
    if (this.#gone || !this.#child.connected) {
      socket.destroy();
      return;
    }
    this.#lastHanded += 1;
    const id = this.#lastHanded;
    const message: ToProcess = { type: "connection", id, port };
    this.#handed.set(id, socket);
    // Node would close ours when it is sent, and what a process that is killed had not read would be open for ever.
    this.#child.send(message, socket, { keepOpen: true }, (error) => {
      if (error !== null) this.#close(id);
    });
  }

  #close(id: number): void {
    this.#handed.get(id)?.destroy();
    this.#handed.delete(id);
  }

  /** Nothing more is wanted of it: it ends. */
  dismiss(): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  #send(message: ToProcess): void {
    // One that is gone is told of by its end.
    if (this.#child.connected) this.#child.send(message, () => {});
  }
}

function lost(index: number, how: string): StrainflowError {
  return new StrainflowError("process-lost", `process ${index} of the server ended: ${how}`, {
    details: { process: index },
  });
}
