import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { Json } from "../tensors/json-text.ts";

/** Where HTTP has what a gRPC method does. */
export interface HttpRoute {
  readonly verb: "GET" | "POST";
  readonly path: string;
  readonly body?: Json;
  /** The answer as JSON of the gRPC method's response; default: as it is. */
  read?(answer: JsonValue): JsonValue;
  /** The answer where only the status counts: any but 200 is a no, and no error. */
  status?(isOk: boolean): JsonValue;
}

/**
 * The route of a method of Triton's gRPC services.
 *
 * @param request the gRPC request as JSON, under the fields' proto names
 */
export function httpRoute(method: string, request: JsonObject): HttpRoute | undefined {
  return ROUTES[method]?.(request);
}

const text = (value: JsonValue | undefined): string => (typeof value === "string" ? value : "");
const object = (value: JsonValue | undefined): JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
/** 64-bit integers are strings in protobuf's JSON. */
const whole = (value: JsonValue | undefined): bigint =>
  BigInt(typeof value === "string" || typeof value === "number" ? value : 0);

function modelPath({ name, version }: JsonObject, rest: string): string {
  const versions = text(version) === "" ? "" : `/versions/${encodeURIComponent(text(version))}`;
  return `/v2/models/${encodeURIComponent(text(name))}${versions}${rest}`;
}

function regionPath(kind: "system" | "cuda", { name }: JsonObject, verb: string): string {
  const region = text(name) === "" ? "" : `/region/${encodeURIComponent(text(name))}`;
  return `/v2/${kind}sharedmemory${region}/${verb}`;
}

/** A list of regions is a map by name in gRPC. */
function readRegions(answer: JsonValue): JsonValue {
  const regions = Array.isArray(answer) ? answer.map(object) : [];
  return { regions: Object.fromEntries(regions.map((region) => [text(region.name), region])) };
}

const nothing = (): JsonValue => ({});

/** Of a parameter, whatever its type: the one value that its object has. */
function repositoryParameters(parameters: JsonValue | undefined): { [name: string]: Json } {
  return Object.fromEntries(
    Object.entries(object(parameters)).map(([name, choice]) => [
      name,
      Object.values(object(choice))[0] ?? null,
    ]),
  );
}

function tracePath({ model_name: model }: JsonObject): string {
  return text(model) === "" ? "/v2/trace/setting" : modelPath({ name: text(model) }, "/trace/setting");
}

/** One value alone is a string over HTTP; none sets back. Levels are always a list. */
function traceChanges(settings: JsonValue | undefined): { [name: string]: Json } {
  return Object.fromEntries(
    Object.entries(object(settings)).map(([name, setting]) => {
      const { value } = object(setting);
      const values = Array.isArray(value) ? value.map(text) : [];
      if (values.length === 0) return [name, null];
      return [name, name === "trace_level" || values.length > 1 ? values : (values[0] ?? null)];
    }),
  );
}

function readTrace(answer: JsonValue): JsonValue {
  const settings = Object.entries(object(answer)).map(([name, value]): [string, JsonValue] => [
    name,
    { value: (Array.isArray(value) ? value : [value]).map(String) },
  ]);
  return { settings: Object.fromEntries(settings) };
}

function logChanges(settings: JsonValue | undefined): { [name: string]: Json } {
  return Object.fromEntries(
    Object.entries(object(settings)).map(([name, choice]) => [
      name,
      Object.values(object(choice))[0] ?? null,
    ]),
  );
}

function readLog(answer: JsonValue): JsonValue {
  const settings = Object.entries(object(answer)).map(([name, value]): [string, JsonValue] => {
    const field =
      typeof value === "boolean" ? "bool_param" : typeof value === "number" ? "uint32_param" : "string_param";
    return [name, { [field]: value }];
  });
  return { settings: Object.fromEntries(settings) };
}

const isEmpty = (value: JsonValue | undefined): boolean => Object.keys(object(value)).length === 0;

const ROUTES: Readonly<Record<string, (request: JsonObject) => HttpRoute>> = {
  ServerLive: () => ({ verb: "GET", path: "/v2/health/live", status: (live) => ({ live }) }),
  ServerReady: () => ({ verb: "GET", path: "/v2/health/ready", status: (ready) => ({ ready }) }),
  Check: () => ({
    verb: "GET",
    path: "/v2/health/ready",
    status: (ready) => ({ status: ready ? "SERVING" : "NOT_SERVING" }),
  }),
  ModelReady: (request) => ({
    verb: "GET",
    path: modelPath(request, "/ready"),
    status: (ready) => ({ ready }),
  }),
  ServerMetadata: () => ({ verb: "GET", path: "/v2" }),
  ModelMetadata: (request) => ({ verb: "GET", path: modelPath(request, "") }),
  ModelConfig: (request) => ({
    verb: "GET",
    path: modelPath(request, "/config"),
    read: (config) => ({ config }),
  }),
  ModelStatistics: (request) => ({
    verb: "GET",
    path: text(request.name) === "" ? "/v2/models/stats" : modelPath(request, "/stats"),
  }),
  RepositoryIndex: ({ ready }) => ({
    verb: "POST",
    path: "/v2/repository/index",
    body: { ready: ready === true },
    read: (models) => ({ models }),
  }),
  RepositoryModelLoad: ({ model_name, parameters }) => ({
    verb: "POST",
    path: `/v2/repository/models/${encodeURIComponent(text(model_name))}/load`,
    body: { parameters: repositoryParameters(parameters) },
    read: nothing,
  }),
  RepositoryModelUnload: ({ model_name, parameters }) => ({
    verb: "POST",
    path: `/v2/repository/models/${encodeURIComponent(text(model_name))}/unload`,
    body: { parameters: repositoryParameters(parameters) },
    read: nothing,
  }),
  SystemSharedMemoryStatus: (request) => ({
    verb: "GET",
    path: regionPath("system", request, "status"),
    read: readRegions,
  }),
  SystemSharedMemoryRegister: (request) => ({
    verb: "POST",
    path: regionPath("system", request, "register"),
    body: {
      key: text(request.key),
      offset: whole(request.offset),
      byte_size: whole(request.byte_size),
    },
    read: nothing,
  }),
  SystemSharedMemoryUnregister: (request) => ({
    verb: "POST",
    path: regionPath("system", request, "unregister"),
    read: nothing,
  }),
  CudaSharedMemoryStatus: (request) => ({
    verb: "GET",
    path: regionPath("cuda", request, "status"),
    read: readRegions,
  }),
  CudaSharedMemoryRegister: (request) => ({
    verb: "POST",
    path: regionPath("cuda", request, "register"),
    body: {
      raw_handle: { b64: text(request.raw_handle) },
      device_id: whole(request.device_id),
      byte_size: whole(request.byte_size),
    },
    read: nothing,
  }),
  CudaSharedMemoryUnregister: (request) => ({
    verb: "POST",
    path: regionPath("cuda", request, "unregister"),
    read: nothing,
  }),
  TraceSetting: (request) => ({
    ...(isEmpty(request.settings)
      ? { verb: "GET" as const }
      : { verb: "POST" as const, body: traceChanges(request.settings) }),
    path: tracePath(request),
    read: readTrace,
  }),
  LogSettings: ({ settings }) => ({
    ...(isEmpty(settings) ? { verb: "GET" as const } : { verb: "POST" as const, body: logChanges(settings) }),
    path: "/v2/logging",
    read: readLog,
  }),
};
