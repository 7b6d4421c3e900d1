/*
 * A compute thread. It takes one task after the other; `run` of ONNX Runtime blocks it, which is why it exists.
 * It ends by leaving on its own: a thread that is terminated inside a run takes the whole process with it.
 */
import { parentPort, threadId } from "node:worker_threads";
import type { Tensor } from "onnxruntime-node";
import { type ComputeModel, fromOrt, toOrt } from "./backends/compute-model.ts";
import { createNativeAggregator } from "./backends/native-aggregator.ts";
import { createNativeSnapshotter } from "./backends/native-snapshotter.ts";
import { loadOnnxModel } from "./backends/onnx-model.ts";
import { Outbox } from "./backends/outbox.ts";
import { type Packed, packFromWorker, unpackToWorker } from "./backends/packed-messages.ts";
import type { FromWorker, LoadSpec, MovedTensor, RunTask, ToWorker } from "./backends/worker-messages.ts";
import { nowNs } from "./scheduling/monotonic.ts";

const port = parentPort;
if (port === null) throw new Error(`worker.js is a worker thread's entry (thread ${threadId})`);

const models = new Map<number, ComputeModel>();
const outbox = new Outbox<FromWorker | Packed>((messages, transfer) => port.postMessage(messages, transfer));
/** Models whose last run was short: answers may wait for the end of another such run, to leave together. */
const quick = new Set<number>();
const QUICK_NS = 100_000;
const MOST_WAITING = 8;
let waiting = 0;
let queue = Promise.resolve();

port.on("message", (messages: readonly (ToWorker | Packed)[]) => {
  waiting += messages.length;
  for (const message of messages.map(unpackToWorker))
    queue = queue
      .then(() => handle(message))
      .then(() => {
        waiting -= 1;
        if (waiting === 0 || message.type !== "run") outbox.flush();
      });
});

function answer(message: FromWorker, transfer: readonly ArrayBuffer[] = []): void {
  outbox.put(packFromWorker(message), transfer);
  if (outbox.size >= MOST_WAITING) outbox.flush();
}

async function handle(message: ToWorker): Promise<void> {
  switch (message.type) {
    case "load":
      return load(message.model, message.spec);
    case "run":
      return run(message);
    case "save":
    case "restore":
      return handOver(message);
    case "forget":
      for (const model of models.values()) model.forget(message.state);
      return;
    case "unload":
      await models.get(message.model)?.release();
      models.delete(message.model);
      quick.delete(message.model);
      return;
    case "close":
      for (const model of models.values()) await model.release();
      answer({ type: "closed" });
      outbox.flush();
      port?.close();
      return;
    case "crash":
      process.exit(70);
  }
}

async function load(index: number, spec: LoadSpec): Promise<void> {
  try {
    const model = await create(spec);
    models.set(index, model);
    answer({ type: "loaded", model: index, inputs: model.inputs, outputs: model.outputs });
  } catch (error) {
    answer({ type: "not-loaded", model: index, message: messageOf(error) });
  }
}

async function create(spec: LoadSpec): Promise<ComputeModel> {
  switch (spec.native?.kind) {
    case "snapshotter":
      return createNativeSnapshotter(spec);
    case "aggregator":
      return createNativeAggregator(spec);
    case undefined:
      return loadOnnxModel(spec);
  }
}

function handOver(message: Extract<ToWorker, { type: "save" | "restore" }>): void {
  const { task, state } = message;
  try {
    const model = models.get(message.model);
    if (model === undefined) throw new Error("the model is not loaded in this thread");
    if (message.type === "restore") model.restore(state, message.tensors);
    const tensors = message.type === "save" ? model.save(state) : [];
    const ns = nowNs();
    const transfer = tensors.map(({ buffer }) => buffer);
    answer({ type: "done", task, tensors, marks: { beganNs: ns, runNs: ns, ranNs: ns } }, transfer);
  } catch (error) {
    answer({ type: "failed", task, step: 0, message: messageOf(error) });
  }
}

async function run(task: RunTask): Promise<void> {
  const beganNs = nowNs();
  let runNs = 0;
  let ranNs = 0;
  let step = 0;
  if (!task.steps.every(({ model }) => quick.has(model))) outbox.flush();
  try {
    const tensors = new Map<string, Tensor>();
    for (const { name, datatype, shape, buffer } of task.tensors)
      tensors.set(name, toOrt(datatype, shape, buffer));
    for (const { model: index, inputs, outputs, rows } of task.steps) {
      const model = models.get(index);
      if (model === undefined) throw new Error("the model is not loaded in this thread");
      const feeds: Record<string, Tensor> = {};
      for (const [input, name] of Object.entries(inputs)) {
        const tensor = tensors.get(name);
        if (tensor === undefined) throw new Error(`tensor '${name}' is not there`);
        feeds[input] = tensor;
      }
      if (step === 0) runNs = nowNs();
      const results = await model.run(feeds, Object.keys(outputs), rows);
      const startNs = step === 0 ? runNs : ranNs;
      ranNs = nowNs();
      if (ranNs - startNs < QUICK_NS) quick.add(index);
      else quick.delete(index);
      for (const [output, name] of Object.entries(outputs)) {
        const tensor = results[output];
        if (tensor === undefined) throw new Error(`the model gave no output '${output}'`);
        tensors.set(name, tensor);
      }
      step++;
    }
    const moved: MovedTensor[] = [];
    const transfer: ArrayBuffer[] = [];
    for (const name of task.wanted) {
      const tensor = tensors.get(name);
      if (tensor === undefined) throw new Error(`tensor '${name}' is not there`);
      const own = fromOrt(name, tensor);
      moved.push(own);
      transfer.push(own.buffer);
    }
    answer({ type: "done", task: task.task, tensors: moved, marks: { beganNs, runNs, ranNs } }, transfer);
  } catch (error) {
    answer({ type: "failed", task: task.task, step, message: messageOf(error) });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
