import type { Socket } from "node:net";
import { StrainflowError } from "@strainflow/series";
import type { FromProcess, ToProcess } from "./messages.ts";
import { Questions, replyOf, wordsOf } from "./questions.ts";

/** What a process knows of its place. */
export interface Place {
  /** From 0. */
  readonly index: number;
  /** How many processes there are. */
  readonly count: number;
  /** As the front was told to give it. */
  readonly init: unknown;
  /** Asks the front. @throws `process-lost` if the front is gone, and what it throws */
  ask(question: unknown): Promise<unknown>;
}

/** What a process does for its front. */
export interface Member {
  /** Takes a connection, which is paused: `resume` it once somebody listens. */
  accept(port: string, socket: Socket): void;
  /** Answers what the front asks. Default: nothing may be asked. */
  answer?(question: unknown): unknown;
  /** The front is done with this process, or gone. The process ends when this resolves, or 3 s later. */
  close(): Promise<void>;
}

/** How long a process may take to close when its front is gone, in milliseconds. */
const LAST_MS = 3000;

/**
 * Makes this process one of its front's: called once, by the module that the front runs. SIGTERM and SIGINT are the
 * front's to hear, which drains all; the process ends when the front has no more need of it, or is gone.
 */
export function joinFront(begin: (place: Place) => Promise<Member>): void {
  const questions = new Questions();
  const send = (message: FromProcess): void => {
    if (process.connected) process.send?.(message, undefined, {}, () => {});
  };
  let member: Member | undefined;
  let leaving = false;
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => {});

  const leave = (code: number): void => {
    if (leaving) return;
    leaving = true;
    questions.lose(new StrainflowError("process-lost", "the front is gone"));
    // Not by exit: a thread that is ended inside a run would take its time, or the process with it.
    setTimeout(() => process.kill(process.pid, "SIGKILL"), LAST_MS).unref();
    (member?.close() ?? Promise.resolve()).then(
      () => process.exit(code),
      () => process.exit(1),
    );
  };

  const start = async (message: Extract<ToProcess, { type: "start" }>): Promise<void> => {
    const { index, count, init } = message;
    const ask = (question: unknown): Promise<unknown> =>
      questions.ask((id) => send({ type: "ask", id, question }));
    try {
      member = await begin({ index, count, init, ask });
      if (leaving) process.exit(0);
      send({ type: "ready" });
    } catch (error) {
      const failed: FromProcess = { type: "failed", ...wordsOf(error) };
      process.send?.(failed, undefined, {}, () => process.exit(1));
    }
  };

  process.on("message", (message: ToProcess, socket?: Socket) => {
    if (message.type === "start") void start(message);
    else if (message.type === "reply") questions.replied(message.id, message.reply);
    else if (message.type === "ask")
      void replyOf(() => answerOf(message.question)).then((reply) =>
        send({ type: "reply", id: message.id, reply }),
      );
    else {
      send({ type: "taken", id: message.id });
      if (member === undefined) socket?.destroy();
      // A client that has gone while its connection was handed over leaves none.
      else if (socket !== undefined) member.accept(message.port, socket);
    }
  });
  process.on("disconnect", () => leave(0));

  function answerOf(question: unknown): unknown {
    if (member?.answer === undefined)
      throw new StrainflowError("process-failed", "nothing may be asked of this process");
    return member.answer(question);
  }
}
