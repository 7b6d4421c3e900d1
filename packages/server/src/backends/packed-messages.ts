import { isDatatype } from "@strainflow/series";
import type {
  FromWorker,
  MovedTensor,
  RunTask,
  StateRow,
  StepRun,
  TaskDone,
  ToWorker,
} from "./worker-messages.ts";

/*
 * Tasks and their answers as flat lists. An object goes to another thread with the name of each of its properties, and is
 * built again there name by name: two thirds of what a message costs, measured. Of a list only what is in it goes. Other
 * messages are rare, and stay what they are.
 */

type Word = number | string | ArrayBuffer;
export type Packed = readonly Word[];

const START = 1;
const END = 2;
const NOBODY = 4;
/** In place of a count: there is no list. */
const NONE = -1;

export function packToWorker(message: ToWorker): ToWorker | Packed {
  return message.type === "run" ? packRun(message) : message;
}

export function unpackToWorker(message: ToWorker | Packed): ToWorker {
  return isPacked(message) ? unpackRun(message) : message;
}

export function packFromWorker(message: FromWorker): FromWorker | Packed {
  return message.type === "done" ? packDone(message) : message;
}

export function unpackFromWorker(message: FromWorker | Packed): FromWorker {
  return isPacked(message) ? unpackDone(message) : message;
}

function isPacked(message: object): message is Packed {
  return Array.isArray(message);
}

function packRun({ task, tensors, steps, wanted }: RunTask): Packed {
  const words: Word[] = [task];
  putTensors(words, tensors);
  words.push(steps.length);
  for (const { model, inputs, outputs, rows } of steps) {
    words.push(model);
    putNames(words, inputs);
    putNames(words, outputs);
    words.push(rows?.length ?? NONE);
    for (const row of rows ?? [])
      words.push(row?.state ?? 0, row === null ? NOBODY : (row.start ? START : 0) | (row.end ? END : 0));
  }
  words.push(wanted.length, ...wanted);
  return words;
}

function unpackRun(words: Packed): RunTask {
  const from = new Words(words);
  const task = from.number();
  const tensors = takeTensors(from);
  const steps = from.list(
    (): StepRun => ({
      model: from.number(),
      inputs: takeNames(from),
      outputs: takeNames(from),
      ...takeRows(from),
    }),
  );
  return { type: "run", task, tensors, steps, wanted: from.list(() => from.text()) };
}

function packDone({ task, tensors, marks }: TaskDone): Packed {
  const words: Word[] = [task, marks.beganNs, marks.runNs, marks.ranNs];
  putTensors(words, tensors);
  return words;
}

function unpackDone(words: Packed): TaskDone {
  const from = new Words(words);
  const task = from.number();
  const marks = { beganNs: from.number(), runNs: from.number(), ranNs: from.number() };
  return { type: "done", task, marks, tensors: takeTensors(from) };
}

function putTensors(words: Word[], tensors: readonly MovedTensor[]): void {
  words.push(tensors.length);
  for (const { name, datatype, shape, buffer } of tensors)
    words.push(name, datatype, buffer, shape.length, ...shape);
}

function takeTensors(from: Words): MovedTensor[] {
  return from.list(() => {
    const name = from.text();
    const datatype = from.text();
    if (!isDatatype(datatype)) throw new Error(`a message between threads names the datatype ${datatype}`);
    const buffer = from.buffer();
    return { name, datatype, buffer, shape: from.list(() => from.number()) };
  });
}

function putNames(words: Word[], names: Readonly<Record<string, string>>): void {
  const entries = Object.entries(names);
  words.push(entries.length);
  for (const [own, tensor] of entries) words.push(own, tensor);
}

function takeNames(from: Words): Record<string, string> {
  return Object.fromEntries(from.list(() => [from.text(), from.text()]));
}

function takeRows(from: Words): Pick<StepRun, "rows"> {
  const rows = from.list((): StateRow | null => {
    const state = from.number();
    const flags = from.number();
    if ((flags & NOBODY) !== 0) return null;
    return { state, start: (flags & START) !== 0, end: (flags & END) !== 0 };
  }, NONE);
  return rows === undefined ? {} : { rows };
}

/** A list, word by word. */
class Words {
  readonly #words: Packed;
  #at = 0;

  constructor(words: Packed) {
    this.#words = words;
  }

  number(): number {
    const word = this.#words[this.#at++];
    if (typeof word !== "number") throw this.#unexpected("a number");
    return word;
  }

  text(): string {
    const word = this.#words[this.#at++];
    if (typeof word !== "string") throw this.#unexpected("a text");
    return word;
  }

  buffer(): ArrayBuffer {
    const word = this.#words[this.#at++];
    if (!(word instanceof ArrayBuffer)) throw this.#unexpected("a buffer");
    return word;
  }

  list<T>(take: () => T): T[];
  list<T>(take: () => T, none: number): T[] | undefined;
  list<T>(take: () => T, none?: number): T[] | undefined {
    const count = this.number();
    if (count === none) return undefined;
    const list: T[] = [];
    for (let i = 0; i < count; i++) list.push(take());
    return list;
  }

  #unexpected(what: string): Error {
    return new Error(`a message between threads has not ${what} at word ${this.#at - 1}`);
  }
}
