import type { IncomingMessage, ServerResponse } from "node:http";
import { isDatatype } from "@strainflow/series";
import type { MovedTensor } from "../backends/worker-messages.ts";
import type { Core } from "../core.ts";
import { EnsembleScheduler } from "../ensembles/ensemble-scheduler.ts";
import type { Model } from "../models/model.ts";
import { invalid, Refusal } from "../refusal.ts";
import type { SequenceHandOver } from "../sequences/sequence-hand-over.ts";
import { SequenceScheduler } from "../sequences/sequence-scheduler.ts";
import { elementCountOf } from "../tensors/datatypes.ts";
import { readBody } from "./body.ts";
import { fieldsOf, integerOf, type Json, listOf, member, parseJson, textOf } from "./json-fields.ts";
import { HEADER, headerSize } from "./requests.ts";

/** A sequence's states: GET takes a copy, PUT opens a sequence with them, DELETE ends one. An extension of our own. */
const PATH = /^\/v2\/strainflow\/models\/([^/]+)(?:\/versions\/([0-9]+))?\/sequences\/([^/]+)\/state$/;

export interface HandOverTarget {
  readonly model: string;
  readonly version: string;
  readonly id: bigint | string;
}

/** What a path names, or `undefined` if it is none of these. An id of digits is a number, unless `?type=string`. */
export function handOverTarget(url: string): HandOverTarget | undefined {
  if (!url.startsWith("/v2/strainflow/")) return undefined;
  const { pathname, searchParams } = new URL(url, "http://server");
  const match = PATH.exec(pathname);
  if (match === null) return undefined;
  const [model = "", version = "", id = ""] = match.slice(1).map((part) => decode(part ?? ""));
  const number = /^[0-9]{1,19}$/.test(id) && searchParams.get("type") !== "string";
  return { model, version, id: number ? BigInt(id) : id };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw invalid(`'${part.slice(0, 100)}' is not part of an address`);
  }
}

/** @throws Refusal */
export async function serveHandOver(
  core: Core,
  { model: name, version, id }: HandOverTarget,
  limit: number,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (!core.handOver)
    throw new Refusal(
      "UNAVAILABLE",
      "states of sequences are not handed over; the server's option handOver allows it",
    );
  if (id === 0n || id === "") throw invalid("a sequence has a non-zero or non-empty id");
  const place = { id, start: request.method === "PUT", end: false };
  const model = core.registry.route(name, version, place);
  const parts = statesOf(model);
  if (parts.length === 0) throw invalid(`model '${name}' keeps no states by sequence`);
  if (request.method === "GET") {
    // All at once: no request comes between one model's and the next one's.
    send(
      response,
      await Promise.all(parts.map(async (part) => ({ ...part, states: await part.of.save(id) }))),
    );
    return;
  }
  if (request.method === "PUT") {
    const given = parseStates(await readBody(request, limit), request);
    await restoreAll(parts, id, given);
    if (model.scheduler instanceof EnsembleScheduler) model.scheduler.note(place);
  } else for (const { of } of parts) of.discard(id);
  response.writeHead(200, { "content-type": "application/json", "content-length": 0 });
  response.end();
}

interface Part {
  readonly name: string;
  readonly version: string;
  readonly of: SequenceHandOver;
}

/** A model's own, or those of an ensemble's models, each once. */
function statesOf(model: Model): readonly Part[] {
  const parts = new Map<SequenceHandOver, Part>();
  const add = ({ scheduler, spec, steps }: Model): void => {
    if (scheduler instanceof SequenceScheduler)
      parts.set(scheduler.handOver, { name: spec.name, version: spec.version, of: scheduler.handOver });
    for (const step of steps) add(step);
  };
  add(model);
  return [...parts.values()];
}

/** All or none. */
async function restoreAll(
  parts: readonly Part[],
  id: bigint | string,
  given: ReadonlyMap<string, readonly MovedTensor[]>,
): Promise<void> {
  for (const name of given.keys())
    if (!parts.some((part) => part.name === name)) throw invalid(`states of '${name}' have no place here`);
  const done: Part[] = [];
  try {
    for (const part of parts) {
      const tensors = given.get(part.name);
      if (tensors === undefined) throw invalid(`states of '${part.name}' are missing`);
      await part.of.restore(id, tensors);
      done.push(part);
    }
  } catch (error) {
    for (const { of } of done) of.discard(id);
    throw error;
  }
}

function send(
  response: ServerResponse,
  parts: readonly (Part & { readonly states: readonly MovedTensor[] })[],
): void {
  const models = parts.map(({ name, version, states }) => ({
    model_name: name,
    model_version: version,
    states: states.map(({ name: input, datatype, shape, buffer }) => ({
      name: input,
      datatype,
      shape,
      parameters: { binary_data_size: buffer.byteLength },
    })),
  }));
  const json = Buffer.from(JSON.stringify({ models }));
  const tail = parts.flatMap(({ states }) => states.map(({ buffer }) => new Uint8Array(buffer)));
  const body = Buffer.concat([json, ...tail]);
  response.writeHead(200, {
    "content-type": "application/octet-stream",
    "content-length": body.byteLength,
    [HEADER]: json.byteLength,
  });
  response.end(body);
}

function parseStates(body: Buffer, request: IncomingMessage): ReadonlyMap<string, readonly MovedTensor[]> {
  const size = headerSize(request, body.byteLength);
  const fields = fieldsOf(parseJson(body.toString("utf8", 0, size)));
  let at = size;
  const take = (item: Json): MovedTensor => {
    const state = fieldsOf(item);
    const name = textOf(member(state, "name"), "name");
    const datatype = textOf(member(state, "datatype"), "datatype");
    const shape = listOf(member(state, "shape"), "shape").map((value) =>
      Number(integerOf(value, "shape", true)),
    );
    const given = member(fieldsOf(state["parameters"]), "binary_data_size");
    const bytes = Number(integerOf(given, "binary_data_size", true));
    if (!isDatatype(datatype) || elementCountOf(shape) === undefined)
      throw invalid(`state '${name}' of ${datatype} [${shape}] cannot be`);
    if (bytes < 0 || bytes > body.byteLength - at)
      throw invalid(`state '${name}' is said to have ${bytes} bytes; ${body.byteLength - at} are left`);
    const buffer = new ArrayBuffer(bytes);
    new Uint8Array(buffer).set(body.subarray(at, at + bytes));
    at += bytes;
    return { name, datatype, shape, buffer };
  };
  const models = new Map<string, readonly MovedTensor[]>();
  for (const item of listOf(member(fields, "models"), "models")) {
    const model = fieldsOf(item);
    const states = listOf(member(model, "states"), "states").map(take);
    models.set(textOf(member(model, "model_name"), "model_name"), states);
  }
  if (at !== body.byteLength) throw invalid(`${body.byteLength - at} bytes are left over behind the states`);
  return models;
}
