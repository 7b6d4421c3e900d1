/**
 * What waits under a number for its end. A `Map` that much goes into and out of is made anew all the time, and its old
 * table points to its new one: once one of them is old to the collector, all that come after it are kept until it looks at
 * the whole heap, with all that was in them. Places in a list that are taken again point to nothing.
 */
export class TaskTable<T> {
  readonly #places: (T | undefined)[] = [];
  readonly #free: number[] = [];

  get size(): number {
    return this.#places.length - this.#free.length;
  }

  /** @returns its number, which is given again after `take` */
  put(item: T): number {
    const place = this.#free.pop() ?? this.#places.length;
    this.#places[place] = item;
    return place;
  }

  take(place: number): T | undefined {
    const item = this.#places[place];
    if (item === undefined) return undefined;
    this.#places[place] = undefined;
    this.#free.push(place);
    return item;
  }

  /** Takes all. */
  clear(): readonly T[] {
    const items = this.#places.filter((item) => item !== undefined);
    this.#places.length = 0;
    this.#free.length = 0;
    return items;
  }
}
