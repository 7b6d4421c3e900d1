/**
 * Messages to another thread that leave together: what a message costs on both sides, waking who gets it above all, is paid
 * once for several.
 */
export class Outbox<T> {
  readonly #post: (messages: readonly T[], transfer: readonly ArrayBuffer[]) => void;
  #messages: T[] = [];
  #transfer: ArrayBuffer[] = [];

  constructor(post: (messages: readonly T[], transfer: readonly ArrayBuffer[]) => void) {
    this.#post = post;
  }

  get size(): number {
    return this.#messages.length;
  }

  put(message: T, transfer: readonly ArrayBuffer[]): void {
    this.#messages.push(message);
    for (const buffer of transfer) this.#transfer.push(buffer);
  }

  flush(): void {
    if (this.#messages.length === 0) return;
    const [messages, transfer] = [this.#messages, this.#transfer];
    this.clear();
    this.#post(messages, transfer);
  }

  /** What has not left yet is not needed any more. */
  clear(): void {
    this.#messages = [];
    this.#transfer = [];
  }
}
