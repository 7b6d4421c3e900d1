import type { SequenceLane } from "./sequence-lane.ts";

/** What a sequence holds while it runs. */
export interface Slot {
  /** Which instance's, where sequences share batches. */
  readonly lane: SequenceLane | undefined;
  /** Its place among the instance's. */
  readonly index: number;
  /** All slots are given out in the order of these. */
  readonly rank: number;
}

/** The slots of a model's instances: the lowest place that is free anywhere goes first, so that instances fill evenly. */
export class SequenceSlots {
  readonly #count: number;
  readonly #instances: number;
  readonly #makeLane: ((instance: number) => SequenceLane) | undefined;
  readonly #lanes = new Map<number, SequenceLane>();
  /** Given back, by rank. */
  readonly #returned: Slot[] = [];
  #next = 0;

  /** `count`: of all instances together. Without `makeLane`, slots are no more than numbers. */
  constructor(count: number, instances: number, makeLane?: (instance: number) => SequenceLane) {
    this.#count = count;
    this.#instances = instances;
    this.#makeLane = makeLane;
  }

  get full(): boolean {
    return this.#returned.length === 0 && this.#next === this.#count;
  }

  take(): Slot | undefined {
    const returned = this.#returned.shift();
    if (returned !== undefined || this.#next === this.#count) return returned;
    const rank = this.#next++;
    const instance = rank % this.#instances;
    return { lane: this.#lane(instance), index: Math.floor(rank / this.#instances), rank };
  }

  giveBack(slot: Slot): void {
    const at = this.#returned.findIndex(({ rank }) => rank > slot.rank);
    this.#returned.splice(at < 0 ? this.#returned.length : at, 0, slot);
  }

  #lane(instance: number): SequenceLane | undefined {
    const known = this.#lanes.get(instance);
    if (known !== undefined || this.#makeLane === undefined) return known;
    const lane = this.#makeLane(instance);
    this.#lanes.set(instance, lane);
    return lane;
  }
}
