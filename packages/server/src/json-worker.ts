/*
 * Reads and writes long JSON for the thread that speaks to clients.
 */
import { parentPort } from "node:worker_threads";
import { formatAnswer } from "./http/answer.ts";
import { parseGenerateRequest } from "./http/generate-request.ts";
import { parseInferRequest } from "./http/infer.ts";
import { checkAnswer, checkCost } from "./http/json-cost.ts";
import type { FromJsonThread, JsonTask, ToJsonThread } from "./http/json-thread.ts";
import { asRefusal } from "./refusal.ts";
import type { SharedPlace } from "./tensors/shared-tensors.ts";

type Result = Extract<FromJsonThread, { result: unknown }>["result"];

const port = parentPort;
if (port === null) throw new Error("json-worker.js is a worker thread's entry");

port.on("message", (message: ToJsonThread) => {
  let answer: FromJsonThread;
  try {
    answer = { id: message.id, result: run(message) };
  } catch (error) {
    const { code, message: text } = asRefusal(error);
    answer = { id: message.id, code, message: text };
  }
  port.postMessage(answer);
});

function run(task: JsonTask): Result {
  switch (task.kind) {
    case "infer": {
      const { body, jsonSize, model } = task;
      checkCost(body.subarray(0, jsonSize));
      const marks = new Map<Uint8Array, SharedPlace>();
      const shared = {
        read(region: string, offset: number, byteSize: number): Uint8Array {
          const mark = new Uint8Array(0);
          marks.set(mark, { region, offset, byteSize });
          return mark;
        },
      };
      const read = parseInferRequest(asBuffer(body), jsonSize, model, shared);
      const elsewhere = new Map<string, SharedPlace>();
      for (const [name, { data }] of read.request.inputs) {
        const place = marks.get(data);
        if (place !== undefined) elsewhere.set(name, place);
      }
      return { ...read, elsewhere };
    }
    case "generate":
      checkCost(task.body);
      return parseGenerateRequest(asBuffer(task.body).toString("utf8"), task);
    case "format": {
      checkAnswer(task.outputs, task.form);
      const { json, tensors } = formatAnswer(task.of, task.outputs, task.form);
      return { json: Buffer.from(json), tensors };
    }
  }
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
