import { Worker } from "node:worker_threads";
import { type BodyForm, errorReply, type Reply } from "./body.ts";
import type { WorkerFigures } from "./worker-figures.ts";
import type { FromWorker, ToWorker, WorkerSettings } from "./worker-messages.ts";

/** A request, and what is done with its answer. */
export interface Posted {
  readonly form: BodyForm;
  readonly body: readonly Uint8Array[];
  /** Called once, later. */
  readonly answer: (reply: Reply) => void;
}

export interface ThreadOptions {
  readonly settings: WorkerSettings;
  /** Those in the memory that the settings name. */
  readonly figures: WorkerFigures;
  /** Milliseconds that a reply may take; a thread that is silent for as long as that is ended. */
  readonly requestTimeoutMs: number;
  /** Milliseconds that loading may take. */
  readonly loadTimeoutMs: number;
  /** MiB of JavaScript heap. */
  readonly maxHeapMiB: number;
  readonly onLoaded: () => void;
  /** It is gone. The reason is undefined where it was told to close. */
  readonly onGone: (end: ThreadEnd) => void;
}

export interface ThreadEnd {
  readonly reason: string | undefined;
  readonly loaded: boolean;
  /** Requests that it had not looked at: another can have them. */
  readonly untouched: readonly Posted[];
}

interface Open extends Posted {
  readonly untilMs: number;
  /** With which bundle it was sent, from 1. */
  readonly bundle: number;
}

/**
 * One worker thread as the event loop sees it. It dies once: whoever wants another makes another. What was in it when it
 * died is answered, with what happened.
 */
export class HandlerThread {
  readonly #options: ThreadOptions;
  readonly #worker: Worker;
  readonly #open = new Map<number, Open>();
  #outgoing: (Posted & { readonly id: number })[] = [];
  #bundles = 0;
  #next = 0;
  #loaded = false;
  readonly #startedMs = performance.now();
  #closing = false;
  #reason: string | undefined;

  constructor(options: ThreadOptions) {
    this.#options = options;
    options.figures.bundles = 0;
    // From sources as from the build: a worker thread needs the built file.
    this.#worker = new Worker(new URL("../dist/worker.js", import.meta.url), {
      name: `handler ${options.settings.worker}`,
      workerData: options.settings,
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: options.maxHeapMiB },
    });
    this.#worker.on("message", (message: FromWorker) => this.#hear(message));
    this.#worker.on("error", (error) => {
      this.#reason ??= error.message;
    });
    this.#worker.on("exit", (code) => this.#exit(code));
  }

  /** Requests that it has. */
  get pending(): number {
    return this.#open.size;
  }

  get loaded(): boolean {
    return this.#loaded;
  }

  send(posted: Posted): void {
    const id = this.#next++;
    const untilMs = performance.now() + this.#options.requestTimeoutMs;
    if (this.#outgoing.length === 0) {
      this.#bundles++;
      setImmediate(() => this.#sendAll());
    }
    this.#open.set(id, { ...posted, untilMs, bundle: this.#bundles });
    this.#outgoing.push({ ...posted, id });
  }

  /** Ends it if it is late. Called every now and then. */
  checkTime(nowMs: number): void {
    const { requestTimeoutMs, loadTimeoutMs } = this.#options;
    if (!this.#loaded) {
      if (nowMs > this.#startedMs + loadTimeoutMs) this.end(`it was not loaded within ${loadTimeoutMs} ms`);
      return;
    }
    // The first is the oldest.
    const [oldest] = this.#open.values();
    if (oldest !== undefined && nowMs > oldest.untilMs)
      this.end(`it gave no answer within ${requestTimeoutMs} ms and was ended`);
  }

  /** At once, whatever it does. */
  end(reason: string): void {
    this.#reason ??= reason;
    void this.#worker.terminate();
  }

  /** Lets it go, once it has nothing to do. */
  close(): void {
    this.#closing = true;
    this.#worker.postMessage({ type: "close" } satisfies ToWorker);
  }

  #sendAll(): void {
    const sent = this.#outgoing;
    this.#outgoing = [];
    const sizes = sent.map(({ body }) => body.reduce((sum, piece) => sum + piece.length, 0));
    const bytes = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0));
    let at = 0;
    for (const { body } of sent)
      for (const piece of body) {
        bytes.set(piece, at);
        at += piece.length;
      }
    const requests = sent.map(({ id, form }, i) => ({ id, form, size: sizes[i]! }));
    const message: ToWorker = { type: "requests", buffer: bytes.buffer, requests };
    this.#worker.postMessage(message, [bytes.buffer]);
  }

  #hear(message: FromWorker): void {
    switch (message.type) {
      case "loaded":
        this.#loaded = true;
        // What waited for it begins now.
        for (const [id, open] of this.#open)
          this.#open.set(id, { ...open, untilMs: performance.now() + this.#options.requestTimeoutMs });
        this.#options.onLoaded();
        return;
      case "not-loaded":
        this.#reason = message.message;
        return;
      case "replies": {
        let at = 0;
        for (const { id, status, contentType, size } of message.replies) {
          const body = new Uint8Array(message.buffer, at, size);
          at += size;
          const open = this.#open.get(id);
          this.#open.delete(id);
          open?.answer({ status, contentType, body });
        }
      }
    }
  }

  #exit(code: number): void {
    const reason = this.#closing ? undefined : (this.#reason ?? `it ended with ${code}`);
    const nowMs = performance.now();
    const seen = this.#options.figures.bundles;
    const untouched: Posted[] = [];
    for (const open of this.#open.values()) {
      if (open.bundle > seen) untouched.push(open);
      else
        open.answer(
          nowMs > open.untilMs && this.#loaded
            ? errorReply(504, "timed-out", `no answer within ${this.#options.requestTimeoutMs} ms`)
            : errorReply(503, "worker-lost", "the worker that had this request is gone; send it again"),
        );
    }
    this.#open.clear();
    this.#options.onGone({ reason, loaded: this.#loaded, untouched });
  }
}
