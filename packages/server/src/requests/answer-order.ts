/** Lets answers out in the order in which their places were taken, whenever they come. */
export class AnswerOrder {
  /** Places that are taken and not yet let out; what is to be told, once it is known. */
  readonly #places: { tell: (() => void) | undefined }[] = [];
  #telling = false;

  /** The next place; what it gives back is called once, with what to do when it is this place's turn. */
  take(): (tell: () => void) => void {
    const place: { tell: (() => void) | undefined } = { tell: undefined };
    this.#places.push(place);
    return (tell) => {
      place.tell = tell;
      this.#flush();
    };
  }

  #flush(): void {
    // What is told may bring the next answer at once: it is told by the loop that runs already.
    if (this.#telling) return;
    this.#telling = true;
    try {
      for (let tell = this.#places[0]?.tell; tell !== undefined; tell = this.#places[0]?.tell) {
        this.#places.shift();
        tell();
      }
    } finally {
      this.#telling = false;
    }
  }
}
