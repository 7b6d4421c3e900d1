import { type ChildProcess, fork } from "node:child_process";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { StrainflowError } from "@strainflow/series";
import type { FromProcess, ToProcess } from "./messages.ts";
import { Questions, replyOf } from "./questions.ts";

export interface MemberOptions {
  readonly entry: URL;
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
  /** On their way to it. */
  readonly #handed = new Set<Socket>();
  #gone = false;

  constructor({ entry, index, count, init, answer }: MemberOptions) {
    this.index = index;
    // Not the flags that we run with: two processes cannot listen on one inspector's port.
    const child = fork(fileURLToPath(entry), [], {
      execArgv: [],
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
        if (message.type === "ready") resolve();
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
      for (const socket of this.#handed) socket.destroy();
      this.#handed.clear();
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
    const message: ToProcess = { type: "connection", port };
    if (this.#gone || !this.#child.connected) {
      socket.destroy();
      return;
    }
    this.#handed.add(socket);
    this.#child.send(message, socket, (error) => {
      this.#handed.delete(socket);
      if (error !== null) socket.destroy();
    });
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
