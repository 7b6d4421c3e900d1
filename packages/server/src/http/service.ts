import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { create, type JsonValue, toJson } from "@bufbuild/protobuf";
import {
  ModelConfigSchema,
  ModelMetadataResponseSchema,
  ModelStatisticsResponseSchema,
} from "@strainflow/proto";
import type { Access, TlsMaterial } from "../access.ts";
import type { Core } from "../core.ts";
import { modelConfig, modelMetadata, modelReady, serverMetadata } from "../metadata.ts";
import { invalid } from "../refusal.ts";
import { readBody } from "./body.ts";
import { control } from "./control.ts";
import { serveGenerate } from "./generate.ts";
import { handOverTarget, serveHandOver } from "./hand-over.ts";
import { JSON_STYLE, toNumbers } from "./json.ts";
import { admitted, listen } from "./listen.ts";
import { refuse, sendJson } from "./refuse.ts";
import { serveInfer } from "./requests.ts";

export interface HttpOptions {
  readonly host: string;
  /** `false`: it listens nowhere, and has the connections that it is given by `accept`. */
  readonly port: number | false;
  readonly maxMessageSize: number;
  readonly access: Access;
  readonly tls?: TlsMaterial;
  readonly maxConnections: number;
}

export interface HttpFront {
  /** `http://host:port`; "" where it does not listen. */
  readonly address: string;
  /** Serves a connection that came in elsewhere; it may be paused. */
  accept(socket: Socket): void;
  /** Takes no new connections; those that are idle are cut, those with a request are let finish. */
  drain(): Promise<void>;
  close(): void;
}

/** Serves the models over HTTP. @throws `address-in-use` */
export async function serveHttp(core: Core, options: HttpOptions): Promise<HttpFront> {
  const { server, address, accept, drain } = await listen("HTTP", options, httpListener(core, options));
  return { address, accept, drain, close: () => server.closeAllConnections() };
}

/** Answers requests, whatever they came over. */
export function httpListener(
  core: Core,
  options: Pick<HttpOptions, "access" | "maxMessageSize">,
): RequestListener {
  return (request, response) => {
    route(core, options, request, response).catch((error: unknown) => refuse(response, error));
  };
}

const MODEL_PATH =
  /^\/v2\/models\/([^/]+)(?:\/versions\/([0-9]+))?(?:\/(ready|config|stats|infer|generate|generate_stream))?$/;

/** What is asked of a model by POST; the rest by GET. */
const POSTED: ReadonlySet<string> = new Set(["infer", "generate", "generate_stream"]);

type Answer = readonly [number, JsonValue?];

/** What a path is answered with to a GET. Stats of all models are not those of a model named `stats`. */
const GET_PATHS: Readonly<Record<string, (core: Core) => Answer | Promise<Answer>>> = {
  "/v2": (core) => [200, { ...serverMetadata(core.handOver) } as JsonValue],
  "/v2/health/live": () => [200],
  "/v2/health/ready": (core) => (core.ready ? [200] : [400, { error: "Server not ready" }]),
  "/v2/models/stats": async (core) => [200, await statistics(core, "", "")],
};

/** What changes the server when it is posted to; the index is asked for by POST as well. */
const CONTROL_PATH =
  /^\/v2\/(?:repository\/.*\/(?:load|unload)|(?:system|cuda)sharedmemory\/.*|.*trace\/setting|logging)$/;

async function route(
  core: Core,
  options: Pick<HttpOptions, "access" | "maxMessageSize">,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const handed = handOverTarget(request.url ?? "/");
  if (handed !== undefined && ["GET", "PUT", "DELETE"].includes(request.method ?? "")) {
    if (!admitted(options.access, request.headers.authorization, "admin", response)) return;
    if (core.others?.elsewhere(handed.id) !== true)
      await serveHandOver(core, handed, options.maxMessageSize, request, response);
    else core.others.answer(handed.id, request, await readBody(request, options.maxMessageSize), response);
    return;
  }
  const path = pathOf(request.url ?? "/");
  const wrongMethod = (): void => answer(response, 405, { error: "Method Not Allowed" });
  const { method } = request;
  if (method !== "GET" && method !== "POST") return wrongMethod();
  const needed = method === "POST" && CONTROL_PATH.test(path) ? "admin" : "read";
  const free = path.startsWith("/v2/health/");
  if (!free && !admitted(options.access, request.headers.authorization, needed, response)) return;
  const plain = Object.hasOwn(GET_PATHS, path) ? GET_PATHS[path] : undefined;
  if (plain !== undefined) return method === "GET" ? answer(response, ...(await plain(core))) : wrongMethod();
  const body = async (): Promise<string> =>
    (await readBody(request, options.maxMessageSize)).toString("utf8");
  const controlled = await control(core, { path, method, body });
  if (controlled === "wrong method") return wrongMethod();
  if (controlled !== undefined) return answer(response, 200, controlled.body);
  const match = MODEL_PATH.exec(path);
  if (match === null) return answer(response, 404, { error: "Not Found" });
  const [, name = "", version = "", what = ""] = match;
  if ((method === "POST") !== POSTED.has(what)) return wrongMethod();
  const target = { model: name, version, maxMessageSize: options.maxMessageSize };
  if (what === "infer") return serveInfer(core, target, request, response);
  if (POSTED.has(what))
    return serveGenerate(core, { ...target, streaming: what === "generate_stream" }, request, response);
  return answer(response, ...(await query(core, name, version, what)));
}

async function query(core: Core, name: string, version: string, what: string): Promise<Answer> {
  const { registry } = core;
  switch (what) {
    case "ready":
      return modelReady(registry, name, version) ? [200] : [400, { error: "Model version not ready" }];
    case "config":
      return [200, toNumbers(toJson(ModelConfigSchema, modelConfig(registry, name, version), JSON_STYLE))];
    case "stats":
      return [200, await statistics(core, name, version)];
    default: {
      const metadata = create(ModelMetadataResponseSchema, modelMetadata(registry, name, version));
      return [200, toNumbers(toJson(ModelMetadataResponseSchema, metadata, JSON_STYLE))];
    }
  }
}

function pathOf(url: string): string {
  try {
    return decodeURIComponent(new URL(url, "http://server").pathname);
  } catch {
    throw invalid(`${url.slice(0, 200)} is not an address`);
  }
}

async function statistics(core: Core, name: string, version: string): Promise<JsonValue> {
  const modelStats = [...(await core.statistics(name, version))];
  const message = create(ModelStatisticsResponseSchema, { modelStats });
  return toNumbers(toJson(ModelStatisticsResponseSchema, message, JSON_STYLE));
}

function answer(response: ServerResponse, code: number, body?: JsonValue): void {
  sendJson(response, code, body === undefined ? "" : JSON.stringify(body));
}
