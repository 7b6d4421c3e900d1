import { isStrainflowError, StrainflowError } from "@strainflow/series";
import type { Reply } from "./messages.ts";

/** Questions that one end has asked, until they are answered or the other end is gone. */
export class Questions {
  readonly #open = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #last = 0;

  /** `send` takes the number that the reply will have. */
  ask(send: (id: number) => void): Promise<unknown> {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#open.set(id, { resolve, reject });
      send(id);
    });
  }

  replied(id: number, reply: Reply): void {
    const question = this.#open.get(id);
    this.#open.delete(id);
    if (reply.ok) question?.resolve(reply.value);
    else question?.reject(new StrainflowError(reply.tag ?? "process-failed", reply.message));
  }

  /** The other end is gone. */
  lose(error: Error): void {
    for (const { reject } of this.#open.values()) reject(error);
    this.#open.clear();
  }
}

/** What answers, as it travels: errors lose all but their words and their tag. */
export async function replyOf(answer: () => unknown): Promise<Reply> {
  try {
    return { ok: true, value: await answer() };
  } catch (error) {
    return { ok: false, ...wordsOf(error) };
  }
}

export function wordsOf(error: unknown): { readonly message: string; readonly tag?: string } {
  const message = error instanceof Error ? error.message : String(error);
  return isStrainflowError(error) ? { message, tag: error.tag } : { message };
}
