import type { JsonValue } from "@bufbuild/protobuf";
import type { Core } from "../core.ts";
import { requireModel } from "../metadata.ts";
import type { LoadOverride } from "../models/model-override.ts";
import { invalid, Refusal } from "../refusal.ts";
import {
  changeLogSettings,
  JSON_TEXTS,
  type SettingValue,
  traceValues,
} from "../watching/control-settings.ts";
import type { TraceReport } from "../watching/trace-settings.ts";
import { asObject, asString, asUnsigned, type JsonObject, parseJsonObject } from "./json.ts";

/** A request to change or tell of the server, with its body read. */
export interface ControlRequest {
  readonly path: string;
  readonly method: "GET" | "POST";
  /** Read only by those that take one. */
  body(): Promise<string>;
}

/** What it is answered with; no body where there is nothing to say. */
export interface ControlAnswer {
  readonly body?: JsonValue;
}

type Handler = (core: Core, request: ControlRequest, parts: readonly string[]) => Promise<ControlAnswer>;

interface Route {
  readonly pattern: RegExp;
  readonly get?: Handler;
  readonly post?: Handler;
}

const ROUTES: readonly Route[] = [
  { pattern: /^\/v2\/repository\/(?:([^/]+)\/)?index$/, post: index },
  { pattern: /^\/v2\/repository\/(?:([^/]+)\/)?models\/([^/]+)\/load$/, post: load },
  { pattern: /^\/v2\/repository\/(?:([^/]+)\/)?models\/([^/]+)\/unload$/, post: unload },
  { pattern: /^\/v2\/systemsharedmemory(?:\/region\/([^/]+))?\/status$/, get: systemStatus },
  { pattern: /^\/v2\/systemsharedmemory(?:\/region\/([^/]+))?\/register$/, post: systemRegister },
  { pattern: /^\/v2\/systemsharedmemory(?:\/region\/([^/]+))?\/unregister$/, post: systemUnregister },
  { pattern: /^\/v2\/cudasharedmemory(?:\/region\/([^/]+))?\/status$/, get: cudaStatus },
  { pattern: /^\/v2\/cudasharedmemory(?:\/region\/([^/]+))?\/register$/, post: cudaRegister },
  { pattern: /^\/v2\/cudasharedmemory(?:\/region\/([^/]+))?\/unregister$/, post: async () => ({}) },
  { pattern: /^\/v2\/(?:models\/([^/]+)\/)?trace\/setting$/, get: traceGet, post: tracePost },
  { pattern: /^\/v2\/logging$/, get: async (core) => logReport(core), post: logPost },
];

/** Repository, shared memory, trace and log over HTTP; `undefined` for a path that is none of theirs. @throws Refusal */
export function control(
  core: Core,
  request: ControlRequest,
): Promise<ControlAnswer | "wrong method"> | undefined {
  for (const { pattern, get, post } of ROUTES) {
    const match = pattern.exec(request.path);
    if (match === null) continue;
    const handler = request.method === "GET" ? get : post;
    if (handler === undefined) return Promise.resolve("wrong method");
    return handler(core, request, match.slice(1));
  }
  return undefined;
}

async function index(core: Core, { body }: ControlRequest): Promise<ControlAnswer> {
  const text = await body();
  const ready = text === "" ? undefined : parseJsonObject(text).ready;
  if (ready !== undefined && typeof ready !== "boolean") throw JSON_TEXTS.notBoolean("ready");
  const models = await core.repository.index(ready ?? false);
  return {
    body: models.map(({ name, version, state, reason }) => ({
      name: name ?? "",
      ...(version === undefined ? {} : { version }),
      ...(state === undefined ? {} : { state }),
      ...(reason === undefined || reason === "" ? {} : { reason }),
    })),
  };
}

async function load(
  core: Core,
  { body }: ControlRequest,
  [repository, name = ""]: readonly string[],
): Promise<ControlAnswer> {
  const override = overrideOf(await body());
  onlyOneRepository(repository);
  await core.command({ kind: "load", name, override });
  return {};
}

function overrideOf(text: string): LoadOverride {
  const files = new Map<string, Uint8Array>();
  let config: string | undefined;
  const { parameters } = text === "" ? {} : parseJsonObject(text);
  for (const [key, value] of parameters === undefined ? [] : Object.entries(asObject(parameters))) {
    const given = asString(value);
    if (key === "config") config = given;
    else if (key.startsWith("file:")) files.set(key.slice("file:".length), Buffer.from(given, "base64"));
    else throw new Refusal("INTERNAL", "unexpected error on creating Triton parameter");
  }
  return { ...(config === undefined ? {} : { config }), files };
}

async function unload(
  core: Core,
  { body }: ControlRequest,
  [repository, name = ""]: readonly string[],
): Promise<ControlAnswer> {
  const text = await body();
  onlyOneRepository(repository);
  const { parameters } = text === "" ? {} : parseJsonObject(text);
  const dependents = parameters === undefined ? undefined : asObject(parameters).unload_dependents;
  await core.command({ kind: "unload", name, dependents: dependents === true });
  return {};
}

function onlyOneRepository(repository: string | undefined): void {
  if (repository !== undefined)
    throw new Refusal("UNIMPLEMENTED", "'repository_name' specification is not supported");
}

async function systemStatus(
  core: Core,
  _: ControlRequest,
  [name = ""]: readonly string[],
): Promise<ControlAnswer> {
  const regions = core.sharedMemory.status(name);
  return {
    body: regions.map((region) => ({
      name: region.name,
      key: region.key,
      offset: region.offset,
      byte_size: region.byteSize,
    })),
  };
}

async function systemRegister(
  core: Core,
  { body }: ControlRequest,
  [name]: readonly string[],
): Promise<ControlAnswer> {
  if (name === undefined) throw invalid("'region name' is necessary to register system shared memory region");
  const request = parseJsonObject(await body());
  const key = asString(field(request, "key"));
  const offset = request.offset === undefined ? 0 : asUnsigned(request.offset);
  const byteSize = asUnsigned(field(request, "byte_size"));
  await core.command({ kind: "register", region: { name, key, offset, byteSize } });
  return {};
}

function field(request: JsonObject, name: string): JsonValue {
  const value = request[name];
  if (value === undefined) throw invalid(`Shared memory register request has no '${name}' field`);
  return value;
}

async function systemUnregister(
  core: Core,
  _: ControlRequest,
  [name = ""]: readonly string[],
): Promise<ControlAnswer> {
  await core.command({ kind: "unregister", name });
  return {};
}

async function cudaStatus(_: Core, __: ControlRequest, [name]: readonly string[]): Promise<ControlAnswer> {
  if (name !== undefined)
    throw new Refusal("NOT_FOUND", `Unable to find cuda shared memory region: '${name}'`);
  return { body: [] };
}

/** As Triton on a machine without CUDA, where no handle is a valid one. */
async function cudaRegister(
  _: Core,
  { body }: ControlRequest,
  [name]: readonly string[],
): Promise<ControlAnswer> {
  if (name === undefined) throw invalid("'region name' is necessary to register cuda shared memory region");
  field(parseJsonObject(await body()), "raw_handle");
  throw invalid("'raw_handle' must be a valid base64 encoded cudaIpcMemHandle_t");
}

async function traceGet(
  core: Core,
  _: ControlRequest,
  [model = ""]: readonly string[],
): Promise<ControlAnswer> {
  requireModel(core.registry, model);
  return { body: traceBody(core.tracer.settings.report(model)) };
}

async function tracePost(
  core: Core,
  { body }: ControlRequest,
  [model = ""]: readonly string[],
): Promise<ControlAnswer> {
  requireModel(core.registry, model);
  const given = parseJsonObject(await body());
  const patch = new Map(Object.entries(given).map(([key, value]) => [key, traceValues(key, value)] as const));
  if (patch.size > 0) await core.command({ kind: "trace", model, patch });
  return { body: traceBody(core.tracer.settings.report(model)) };
}

/** Levels are a list, all else is one text. */
function traceBody(report: TraceReport): JsonValue {
  return Object.fromEntries(
    Object.entries(report).map(([key, values]) => [
      key,
      key === "trace_level" ? [...values] : (values[0] ?? ""),
    ]),
  );
}

async function logPost(core: Core, { body }: ControlRequest): Promise<ControlAnswer> {
  const given = Object.entries(parseJsonObject(await body())).map(
    ([key, value]): readonly [string, SettingValue] => [key, typeof value === "object" ? null : value],
  );
  await core.command({ kind: "log", settings: changeLogSettings(core.log.settings, given, JSON_TEXTS) });
  return logReport(core);
}

function logReport(core: Core): ControlAnswer {
  return { body: { ...core.log.settings } };
}
