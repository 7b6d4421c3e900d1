/*
 * The rules of sequences, written down a second time and in another way: no promises, no threads, no tickets. Requests
 * are numbers, and an answer is the sum so far of a sequence.
 */

export interface Sent {
  readonly client: number;
  readonly id: bigint | string;
  readonly value: number;
  readonly start: boolean;
  readonly end: boolean;
}

/** `waits` until its sequence has a slot. */
export type Result = number | "refused" | "waits";

interface Waiting {
  readonly sent: Sent;
  readonly place: number;
}

interface Entry {
  readonly id: bigint | string;
  total: number;
  /** A START is due whose request was given up before it ran. */
  fresh: boolean;
  running: boolean;
  lastClient: number;
  /** Of a client that is gone. */
  orphan: boolean;
  queue: Waiting[];
}

export class SequenceModel {
  /** Of each client, in the order of its requests. */
  readonly results: Result[][];
  readonly #slots: number;
  readonly #open = new Map<bigint | string, Entry>();
  #entries: Entry[] = [];
  readonly #gone = new Set<number>();

  constructor(clients: number, slots: number) {
    this.results = Array.from({ length: clients }, () => []);
    this.#slots = slots;
  }

  isGone(client: number): boolean {
    return this.#gone.has(client);
  }

  send(sent: Sent): void {
    const results = this.results[sent.client] ?? [];
    let entry = this.#open.get(sent.id);
    if (entry === undefined && !sent.start) {
      results.push("refused");
      return;
    }
    if (entry === undefined) {
      entry = {
        id: sent.id,
        total: 0,
        fresh: true,
        running: false,
        lastClient: sent.client,
        orphan: false,
        queue: [],
      };
      this.#entries.push(entry);
      this.#open.set(sent.id, entry);
    }
    entry.lastClient = sent.client;
    entry.queue.push({ sent, place: results.push("waits") - 1 });
    if (sent.end) this.#open.delete(sent.id);
    this.#settle();
  }

  /** The client's connection is lost. */
  lose(client: number): void {
    this.#gone.add(client);
    for (const entry of [...this.#entries]) {
      if (!entry.running) {
        const stays = entry.queue.some(({ sent }) => sent.client !== client);
        if (!stays && entry.queue.every(({ sent }) => this.#gone.has(sent.client))) this.#remove(entry);
      }
      if (entry.lastClient !== client) continue;
      entry.orphan = true;
      if (this.#open.get(entry.id) === entry) this.#open.delete(entry.id);
    }
    this.#settle();
  }

  /** Gives slots to those that wait longest, and runs all that can run, until nothing changes. */
  #settle(): void {
    for (let changed = true; changed; ) {
      changed = false;
      for (const entry of [...this.#entries]) {
        const taken = this.#entries.filter(({ running }) => running).length;
        if (!entry.running && taken >= this.#slots) continue;
        if (!entry.running) changed = true;
        entry.running = true;
        if (this.#run(entry)) {
          this.#remove(entry);
          changed = true;
        }
      }
    }
  }

  /** Answers what is queued; true when the sequence is over. */
  #run(entry: Entry): boolean {
    for (let next = entry.queue.shift(); next !== undefined; next = entry.queue.shift()) {
      const { sent, place } = next;
      if (this.#gone.has(sent.client)) entry.fresh ||= sent.start;
      else {
        entry.total = (sent.start || entry.fresh ? 0 : entry.total) + sent.value;
        entry.fresh = false;
        const results = this.results[sent.client];
        if (results !== undefined) results[place] = entry.total;
      }
      if (sent.end) return true;
    }
    return entry.orphan;
  }

  #remove(entry: Entry): void {
    this.#entries = this.#entries.filter((other) => other !== entry);
    if (this.#open.get(entry.id) === entry) this.#open.delete(entry.id);
  }
}

/** What a client has seen: answers come in the order of its requests, so that one that waits holds back the rest. */
export function seenOf(results: readonly Result[]): readonly Result[] {
  const first = results.indexOf("waits");
  return first < 0 ? results : results.slice(0, first);
}
