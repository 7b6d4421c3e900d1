interface Holder {
  release(owner: SequenceOwner): void;
}

/**
 * A stream's hold on the sequences that it was the last to send to. A stream that is cancelled, or whose connection is
 * lost, ends them: their slots are free at once, where Triton lets them wait for their idle time. Sequences that another
 * stream or call has gone on with are no longer its own.
 */
export class SequenceOwner {
  readonly #holders = new Set<Holder>();

  /** Told by a scheduler that holds one of its sequences. */
  heldBy(holder: Holder): void {
    this.#holders.add(holder);
  }

  lose(): void {
    for (const holder of this.#holders) holder.release(this);
    this.#holders.clear();
  }
}
