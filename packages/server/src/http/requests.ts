import type { IncomingMessage, ServerResponse } from "node:http";
import type { Core } from "../core.ts";
import { invalid, Refusal } from "../refusal.ts";
import { toldSequence } from "../requests/told-sequence.ts";
import { nowNs } from "../scheduling/monotonic.ts";
import type { RawTensors } from "../tensors/raw-tensor.ts";
import { formatAnswer } from "./answer.ts";
import { acceptedEncoding, pack, readBody } from "./body.ts";
import { type AnswerForm, type HttpInfer, parseInferRequest } from "./infer.ts";
import { sequenceOf } from "./json-parameters.ts";
import { isLong, jsonThread, type Written } from "./json-thread.ts";
import { parseRawInput } from "./raw-input.ts";
import { refuse } from "./refuse.ts";

export interface InferTarget {
  readonly model: string;
  /** "": the highest. */
  readonly version: string;
  /** Of a request's body, in bytes. */
  readonly maxMessageSize: number;
}

export const HEADER = "inference-header-content-length";
const IN_BINARY = { binary: true, byOutput: new Map<string, boolean>() };

/** Answers `…/infer`. @throws Refusal for what is refused before it runs */
export async function serveInfer(
  core: Core,
  target: InferTarget,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const receivedNs = nowNs();
  const { model: name, version } = target;
  const { others } = core;
  // Where a sequence belongs to another process, so does what is wrong with its requests.
  const early = others === undefined ? undefined : await readBody(request, target.maxMessageSize);
  if (others !== undefined && early !== undefined && !core.refusing) {
    const id = sequenceOf(early, headerSize(request, early.byteLength));
    if (id !== undefined && others.elsewhere(id)) return others.answer(id, request, early, response);
  }
  const { spec } = core.registry.known(name, version);
  if (spec.config.modelTransactionPolicy?.decoupled === true)
    throw new Refusal(
      "UNIMPLEMENTED",
      "HTTP end point doesn't support models with decoupled transaction policy",
    );
  const body = early ?? (await readBody(request, target.maxMessageSize));
  const header = headerSize(request, body.byteLength);
  const { request: job, form } =
    header === 0
      ? { request: parseRawInput(spec, body), form: IN_BINARY }
      : await readInfer(core, body, header, name);
  const named = { model: name, version, request: job, front: "HTTP", receivedNs } as const;
  const encoding = acceptedEncoding(request);
  const pending = core.run(named, (outcome, model) => {
    if (response.destroyed) return;
    try {
      if (outcome instanceof Refusal) throw outcome;
      const sequence = toldSequence(model.platform, job.sequence);
      const of = { id: job.id, model: model.spec.name, version: model.spec.version };
      const told = sequence === undefined ? of : { ...of, sequence };
      const write = ({ json, tensors }: Written): void => {
        const sizes = tensors.length === 0 && header !== 0 ? {} : { [HEADER]: json.byteLength };
        send(response, Buffer.concat([json, ...tensors]), sizes, encoding);
      };
      if (isLong(jsonBytes(outcome, form)))
        jsonThread
          .run({ kind: "format", of: told, outputs: alone(outcome), form })
          .then(write)
          .catch((error: unknown) => refuse(response, error));
      else {
        const { json, tensors } = formatAnswer(told, outcome, form);
        write({ json: Buffer.from(json), tensors });
      }
    } catch (error) {
      refuse(response, error);
    }
  });
  response.on("close", () => {
    if (!response.writableFinished) pending.abandon();
  });
}

/** A request, wherever it is read. @throws Refusal */
async function readInfer(core: Core, body: Buffer, jsonSize: number, model: string): Promise<HttpInfer> {
  if (!isLong(jsonSize)) return parseInferRequest(body, jsonSize, model, core.sharedMemory);
  const { elsewhere, request, form } = await jsonThread.run({ kind: "infer", body, jsonSize, model });
  if (elsewhere.size === 0) return { request, form };
  const inputs = new Map(request.inputs);
  for (const [name, { region, offset, byteSize }] of elsewhere) {
    const tensor = inputs.get(name);
    if (tensor !== undefined)
      inputs.set(name, { ...tensor, data: core.sharedMemory.read(region, offset, byteSize) });
  }
  return { request: { ...request, inputs }, form };
}

/** Of a tensor that lies in the memory of a batch, all of that would be copied with it. */
function alone(outputs: RawTensors): RawTensors {
  return new Map(
    [...outputs].map(([name, tensor]) => {
      const whole = tensor.data.byteLength === tensor.data.buffer.byteLength;
      return [name, whole ? tensor : { ...tensor, data: new Uint8Array(tensor.data) }];
    }),
  );
}

/** Bytes of outputs that are to be JSON. */
function jsonBytes(outputs: RawTensors, form: AnswerForm): number {
  let size = 0;
  for (const [name, { data, elsewhere }] of outputs)
    if (elsewhere !== true && !(form.byOutput.get(name) ?? form.binary)) size += data.byteLength;
  return size;
}

/** Bytes of JSON at the beginning of a body; 0: none, the body is one input's bytes. @throws Refusal */
export function headerSize(request: IncomingMessage, size: number): number {
  const given = request.headers[HEADER];
  if (typeof given !== "string") return size;
  // As in Triton, a word reads as 0.
  const length = Number.parseInt(given, 10) || 0;
  if (length < 0 || length > size)
    throw invalid(`inference header size should be in range (0, ${size}), got: ${length}`);
  return length;
}

function send(
  response: ServerResponse,
  body: Buffer,
  sizes: Readonly<Record<string, number | undefined>>,
  encoding: Parameters<typeof pack>[0] | undefined,
): void {
  const { [HEADER]: header } = sizes;
  const type = header === undefined ? "application/json" : "application/octet-stream";
  const headers = { "content-type": type, ...(header === undefined ? {} : { [HEADER]: header }) };
  const end = (bytes: Buffer, more: Readonly<Record<string, string>>): void => {
    if (response.destroyed) return;
    response.writeHead(200, { ...headers, ...more, "content-length": bytes.byteLength });
    response.end(bytes);
  };
  if (encoding === undefined) end(body, {});
  else
    pack(encoding, body).then(
      (packed) => end(packed, { "content-encoding": encoding }),
      (error: unknown) => refuse(response, error),
    );
}
