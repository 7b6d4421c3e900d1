import type { IncomingMessage, ServerResponse } from "node:http";
import type { Core } from "../core.ts";
import type { Model, ModelRequest } from "../models/model.ts";
import { asRefusal, Refusal } from "../refusal.ts";
import { toldSequence } from "../requests/told-sequence.ts";
import { nowNs } from "../scheduling/monotonic.ts";
import type { Outcome } from "../scheduling/scheduler.ts";
import type { RawTensors } from "../tensors/raw-tensor.ts";
import { readBody } from "./body.ts";
import { parseGenerateRequest } from "./generate-request.ts";
import { jsonOfTensor } from "./json-tensors.ts";
import { isLong, jsonThread } from "./json-thread.ts";
import { refuse, sendJson } from "./refuse.ts";
import type { InferTarget } from "./requests.ts";

const ONE_ONLY =
  "generate expects model to produce exactly 1 response, use generate stream for model that generates various number of responses";

/**
 * Answers `…/generate` and `…/generate_stream`: inputs by name and outputs by name, without a word on types and shapes.
 *
 * @throws Refusal for what is refused before it runs
 */
export async function serveGenerate(
  core: Core,
  target: InferTarget & { readonly streaming: boolean },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const receivedNs = nowNs();
  const { model: name, version, streaming } = target;
  const { spec } = core.registry.get(name, version);
  const body = await readBody(request, target.maxMessageSize);
  const { inputs, maxBatchSize } = spec;
  const job: ModelRequest = isLong(body.byteLength)
    ? await jsonThread.run({ kind: "generate", body, inputs, maxBatchSize })
    : parseGenerateRequest(body.toString("utf8"), spec);
  const answers = streaming ? new EventStream(response) : new SingleAnswer(response);
  const decoupled = spec.config.modelTransactionPolicy?.decoupled === true;
  const named = { model: name, version, request: job, front: "HTTP", receivedNs } as const;
  const take = (outcome: Outcome, model: Model): void => {
    try {
      if (outcome instanceof Refusal) throw outcome;
      answers.take(formatAnswer(model, job, outcome));
    } catch (error) {
      answers.fail(error);
    }
  };
  const pending = core.run(
    named,
    (outcome, model) => {
      if (outcome instanceof Refusal) answers.fail(outcome);
      else {
        if (!decoupled) take(outcome, model);
        answers.end();
      }
    },
    take,
  );
  response.on("close", () => {
    if (!response.writableFinished) pending.abandon();
  });
}

class SingleAnswer {
  readonly #response: ServerResponse;
  readonly #taken: string[] = [];

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  take(json: string): void {
    this.#taken.push(json);
  }

  fail(error: unknown): void {
    refuse(this.#response, error);
  }

  end(): void {
    const [only, more] = this.#taken;
    const wrong = only === undefined || more !== undefined;
    // Triton has sent its status by the time it knows.
    sendJson(this.#response, 200, wrong ? JSON.stringify({ error: ONE_ONLY }) : only);
  }
}

class EventStream {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  take(json: string): void {
    this.#begin();
    if (!this.#response.destroyed) this.#response.write(`data: ${json}\n\n`);
  }

  fail(error: unknown): void {
    if (!this.#response.headersSent) refuse(this.#response, error);
    else {
      this.take(JSON.stringify({ error: asRefusal(error).message }));
      this.end();
    }
  }

  end(): void {
    this.#begin();
    this.#response.end();
  }

  #begin(): void {
    if (!this.#response.headersSent && !this.#response.destroyed)
      this.#response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
  }
}

function formatAnswer(
  { spec, platform }: Model,
  { id, sequence }: ModelRequest,
  outputs: RawTensors,
): string {
  const { name, version } = spec;
  const fields: [string, string][] = [
    ["model_name", JSON.stringify(name)],
    ["model_version", `"${version}"`],
  ];
  if (id !== "") fields.push(["id", JSON.stringify(id)]);
  const place = toldSequence(platform, sequence);
  if (place !== undefined)
    fields.push(
      ["sequence_id", typeof place.id === "string" ? JSON.stringify(place.id) : String(place.id)],
      ["sequence_start", String(place.start)],
      ["sequence_end", String(place.end)],
    );
  for (const [output, { datatype, data }] of outputs) {
    const values = jsonOfTensor(datatype, data);
    fields.push([output, values.length === 1 ? (values[0] ?? "") : `[${values.join(",")}]`]);
  }
  fields.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(",")}}`;
}
