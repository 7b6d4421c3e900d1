import { closeSync, openSync, writeSync } from "node:fs";

/** What is kept before it is written. */
const KEPT = 64;
const FLUSH_MS = 200;

/**
 * Files of traces as Triton writes them: one array of JSON objects each. A file is whole JSON after every write, so that
 * it can be read while the server runs.
 */
export class TraceWriter {
  readonly #file: string;
  readonly #onError: (error: Error) => void;
  /** Bytes in the one file that all traces without a frequency go into; 0: not yet begun. */
  #size = 0;
  #kept: string[] = [];
  #batch: string[] = [];
  #files = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(file: string, onError: (error: Error) => void) {
    this.#file = file;
    this.#onError = onError;
  }

  /** Takes the objects of one trace. `frequency`: how many traces make a file; 0: all go into one. */
  add(objects: readonly object[], frequency: number): void {
    const text = objects.map((object) => JSON.stringify(object)).join(",");
    if (frequency > 0) {
      this.#batch.push(text);
      if (this.#batch.length >= frequency) this.#writeBatch();
      return;
    }
    this.#kept.push(text);
    if (this.#kept.length >= KEPT) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), FLUSH_MS).unref();
  }

  /** Writes what is kept, also where it does not fill a file. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#batch.length > 0) this.#writeBatch();
    if (this.#kept.length === 0) return;
    const text = this.#kept.join(",");
    this.#kept = [];
    this.#write(() => {
      const bytes = Buffer.from(this.#size === 0 ? `[${text}]` : `,${text}]`);
      const file = openSync(this.#file, this.#size === 0 ? "w" : "r+");
      try {
        const at = Math.max(0, this.#size - 1);
        writeSync(file, bytes, 0, bytes.byteLength, at);
        this.#size = at + bytes.byteLength;
      } finally {
        closeSync(file);
      }
    });
  }

  #writeBatch(): void {
    const text = `[${this.#batch.join(",")}]`;
    this.#batch = [];
    const name = `${this.#file}.${this.#files++}`;
    this.#write(() => {
      const file = openSync(name, "w");
      try {
        writeSync(file, text);
      } finally {
        closeSync(file);
      }
    });
  }

  /** A disk that is full costs traces, and no requests. */
  #write(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#onError(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
