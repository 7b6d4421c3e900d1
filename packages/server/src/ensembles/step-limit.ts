/** At most so many at a time; the others wait in order of arrival. */
export class StepLimit {
  readonly #most: number;
  #inside = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  /** Calls `start`, maybe at once, when there is room. Who was started calls `leave`; who gives up, what comes back. */
  enter(start: () => void): () => void {
    if (this.#inside < this.#most) {
      this.#inside += 1;
      start();
      return () => {};
    }
    this.#waiting.push(start);
    return () => {
      const at = this.#waiting.indexOf(start);
      if (at >= 0) this.#waiting.splice(at, 1);
    };
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#inside -= 1;
    else next();
  }
}
