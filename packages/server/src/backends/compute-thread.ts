import { Worker } from "node:worker_threads";
import { Refusal } from "../refusal.ts";
import { Outbox } from "./outbox.ts";
import { type Packed, packToWorker, unpackFromWorker } from "./packed-messages.ts";
import { TaskTable } from "./task-table.ts";
import type {
  FromWorker,
  GraphTensor,
  LoadSpec,
  MovedTensor,
  RunMarks,
  StepRun,
  ToWorker,
} from "./worker-messages.ts";

export interface TaskResult {
  readonly tensors: readonly MovedTensor[];
  readonly marks: RunMarks;
}

export interface Graph {
  readonly inputs: readonly GraphTensor[];
  readonly outputs: readonly GraphTensor[];
}

/** What a thread has done since the server began. */
export interface ThreadFigures {
  readonly name: string;
  /** Tasks that it answered, each a batch or a sequence's request, and how long their models ran, in nanoseconds. */
  readonly tasks: number;
  readonly busyNs: number;
  /** Tasks sent and not yet answered. */
  readonly pending: number;
  readonly restarts: number;
}

type WhenDone = (outcome: TaskResult | Refusal) => void;

interface Load {
  readonly spec: LoadSpec;
  readonly resolve: (graph: Graph) => void;
  readonly reject: (error: Error) => void;
}

/** Threads that die this often within a minute are not started again. */
const MAX_RESTARTS = 5;
const RESTART_WINDOW_MS = 60_000;
/** Memory for new objects of a thread. Samples are not among them. */
const YOUNG_MB = 8;

/**
 * One compute thread as the event loop sees it: tasks go in by message and are run in order. A thread that dies takes
 * its tasks and its states with it, not the server: it is started again with the same models.
 */
export class ComputeThread {
  readonly name: string;
  /** The thread died and its states with it; told once per death, after the tasks in it were refused. */
  onLost: () => void = () => {};
  readonly #log: (message: string) => void;
  #worker: Worker;
  readonly #outbox = new Outbox<ToWorker | Packed>((messages, transfer) =>
    this.#worker.postMessage(messages, transfer),
  );
  #done = 0;
  #busyNs = 0;
  #restarted = 0;
  readonly #tasks = new TaskTable<WhenDone>();
  readonly #models = new Map<number, LoadSpec>();
  readonly #loading = new Map<number, Load>();
  /** Models that a thread which was started again has yet to load again. */
  readonly #restoring = new Set<number>();
  readonly #restarts: number[] = [];
  #state: "running" | "closing" | "dead" = "running";
  #closed: () => void = () => {};

  constructor(name: string, log: (message: string) => void) {
    this.name = name;
    this.#log = log;
    this.#worker = this.#start();
  }

  /** Tasks sent and not yet answered. */
  get pending(): number {
    return this.#tasks.size;
  }

  get figures(): ThreadFigures {
    const { name, pending } = this;
    return { name, tasks: this.#done, busyNs: this.#busyNs, pending, restarts: this.#restarted };
  }

  /** It takes tasks: it runs, or is being started again. */
  get alive(): boolean {
    return this.#state === "running";
  }

  /** It has all that it had: it was not started again, or has loaded everything anew. */
  get ready(): boolean {
    return this.#state === "running" && this.#restoring.size === 0;
  }

  load(model: number, spec: LoadSpec): Promise<Graph> {
    return new Promise((resolve, reject) => {
      this.#loading.set(model, { spec, resolve, reject });
      this.#send({ type: "load", model, spec });
    });
  }

  /** Lets go of a model, once what was sent before this has run. */
  unload(model: number): void {
    this.#models.delete(model);
    if (this.#state === "running") this.#send({ type: "unload", model });
  }

  /** Runs a chain of models. `done` is called once, later; `tensors` are gone from this thread. */
  run(
    steps: readonly StepRun[],
    tensors: readonly MovedTensor[],
    wanted: readonly string[],
    done: WhenDone,
  ): void {
    if (this.#state !== "running") {
      queueMicrotask(() => done(new Refusal("UNAVAILABLE", `${this.name} is not running`)));
      return;
    }
    const task = this.#tasks.put(done);
    this.#send(
      { type: "run", task, steps, tensors, wanted },
      tensors.map(({ buffer }) => buffer),
    );
  }

  /** Copies of a sequence's states, behind what was sent before this. `done` is called once, later. */
  save(model: number, state: number, done: WhenDone): void {
    this.#ask(done, (task) => ({ type: "save", task, model, state }));
  }

  /** Puts states in, before what is sent after this. `done` is called once, later. */
  restore(model: number, state: number, tensors: readonly MovedTensor[], done: WhenDone): void {
    this.#ask(done, (task) => ({ type: "restore", task, model, state, tensors }));
  }

  #ask(done: WhenDone, message: (task: number) => ToWorker): void {
    if (this.#state !== "running") {
      queueMicrotask(() => done(new Refusal("UNAVAILABLE", `${this.name} is not running`)));
      return;
    }
    const task = this.#tasks.put(done);
    this.#send(message(task));
  }

  forget(state: number): void {
    if (this.#state === "running") this.#send({ type: "forget", state });
  }

  /** Lets the thread finish what it has, release its models and leave; it is never terminated inside a run. */
  async close(): Promise<void> {
    if (this.#state === "dead") return;
    const { promise: left, resolve } = deferred();
    this.#closed = resolve;
    if (this.#state === "running") {
      this.#send({ type: "close" });
      this.#state = "closing";
    }
    await left;
  }

  /** For tests: the thread fails as if by a fault of its own, before it takes anything that is sent after this. */
  crash(): Promise<void> {
    const { promise, resolve } = deferred();
    this.#worker.once("exit", resolve);
    this.#send({ type: "crash" });
    return promise;
  }

  /** Leaves with all that is sent in this turn of the event loop. */
  #send(message: ToWorker, transfer: readonly ArrayBuffer[] = []): void {
    if (this.#outbox.size === 0) setImmediate(() => this.#outbox.flush());
    this.#outbox.put(packToWorker(message), transfer);
  }

  #start(): Worker {
    // ONNX Runtime would report its use to its maker, and leave a log in the temporary folder. It reads the variable of
    // the process, which a worker thread cannot set.
    process.env["ORT_DISABLE_TELEMETRY"] ??= "1";
    // From sources as from the build: a worker thread needs the built file.
    const worker = new Worker(new URL("../../dist/worker.js", import.meta.url), {
      name: this.name,
      execArgv: [],
      // What a task leaves behind is small and dies young: with V8's own 48 MB each, four threads held 70 MB more.
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    });
    worker.on("message", (messages: readonly (FromWorker | Packed)[]) => {
      for (const message of messages) this.#hear(unpackFromWorker(message));
    });
    worker.on("error", (error) => this.#log(`${this.name}: ${error.message}`));
    worker.on("exit", (code) => this.#exit(code));
    return worker;
  }

  #hear(message: FromWorker): void {
    switch (message.type) {
      case "done":
      case "failed": {
        const done = this.#tasks.take(message.task);
        this.#done += 1;
        if (message.type === "done") this.#busyNs += message.marks.ranNs - message.marks.runNs;
        done?.(message.type === "done" ? message : new Refusal("INTERNAL", message.message));
        return;
      }
      case "loaded": {
        const load = this.#loading.get(message.model);
        this.#loading.delete(message.model);
        if (load === undefined) return;
        this.#models.set(message.model, load.spec);
        load.resolve(message);
        return;
      }
      case "not-loaded": {
        const load = this.#loading.get(message.model);
        this.#loading.delete(message.model);
        load?.reject(new Error(message.message));
        return;
      }
      case "closed":
        return;
    }
  }

  #exit(code: number): void {
    this.#outbox.clear();
    const closing = this.#state === "closing";
    const lost = this.#tasks.clear();
    const loading = [...this.#loading.values()];
    this.#loading.clear();
    if (closing) this.#state = "dead";
    else this.#restart(code);
    for (const done of lost)
      done(
        new Refusal("UNAVAILABLE", `${this.name} ${closing ? "was closed" : "died"} with the request in it`),
      );
    for (const load of loading) load.reject(new Error(`${this.name} ended while it loaded a model`));
    if (!closing) this.onLost();
    this.#closed();
  }

  #restart(code: number): void {
    const now = performance.now();
    while (this.#restarts[0] !== undefined && this.#restarts[0] < now - RESTART_WINDOW_MS)
      this.#restarts.shift();
    if (this.#restarts.length >= MAX_RESTARTS) {
      this.#state = "dead";
      this.#log(
        `${this.name} died ${MAX_RESTARTS + 1} times within a minute (exit code ${code}); it stays down`,
      );
      return;
    }
    this.#restarts.push(now);
    this.#restarted += 1;
    this.#log(
      `${this.name} died (exit code ${code}); it is started again with its ${this.#models.size} models`,
    );
    this.#worker = this.#start();
    for (const [model, spec] of this.#models) {
      this.#restoring.add(model);
      this.load(model, spec).then(
        () => this.#restoring.delete(model),
        (error: unknown) => this.#log(`${this.name}: a model could not be loaded again: ${String(error)}`),
      );
    }
  }
}

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
