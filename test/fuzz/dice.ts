/** Random choices that a name brings back: the same name, the same choices, on every machine. */
export class Dice {
  #state: number;

  constructor(name: string) {
    // FNV-1a.
    let hash = 0x811c9dc5;
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
    this.#state = hash >>> 0;
  }

  /** `[0, 1)`, by mulberry32. */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** `[0, below)` */
  below(below: number): number {
    return Math.floor(this.fraction() * below);
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(of: readonly T[]): T {
    if (of.length === 0) throw new RangeError("nothing to pick from");
    return of[this.below(of.length)] as T;
  }

  /** A copy with one entry changed, or the same where there is none. */
  change<T>(of: readonly T[], how: (entry: T) => T): T[] {
    const at = this.below(of.length);
    return of.map((entry, index) => (index === at ? how(entry) : entry));
  }

  bytes(size: number): Uint8Array {
    return Uint8Array.from({ length: size }, () => this.below(256));
  }
}
