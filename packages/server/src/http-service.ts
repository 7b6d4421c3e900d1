import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { create, type JsonValue, toJson } from "@bufbuild/protobuf";
import {
  ModelConfigSchema,
  ModelMetadataResponseSchema,
  ModelStatisticsResponseSchema,
  RepositoryIndexResponseSchema,
} from "@strainflow/proto";
import { StrainflowError } from "@strainflow/series";
import type { Core } from "./core.ts";
import { formatInferResponse, parseInferRequest } from "./http-infer.ts";
import {
  modelConfig,
  modelMetadata,
  modelReady,
  modelStatistics,
  refuseModelControl,
  repositoryIndex,
  serverMetadata,
} from "./metadata.ts";
import { asRefusal, invalid, Refusal, type StatusCode } from "./refusal.ts";

export interface HttpOptions {
  readonly host: string;
  readonly port: number;
  readonly maxMessageSize: number;
}

export interface HttpFront {
  /** `http://host:port` */
  readonly address: string;
  /** Takes no new connections; those that are idle are cut, those with a request are let finish. */
  drain(): Promise<void>;
  close(): void;
}

/** Serves the models over HTTP. @throws `address-in-use` */
export async function serveHttp(core: Core, options: HttpOptions): Promise<HttpFront> {
  const server = createServer((request, response) => {
    route(core, options, request, response).catch((error: unknown) => refuse(response, error));
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.once("error", (cause) =>
      reject(
        new StrainflowError(
          "address-in-use",
          `HTTP cannot listen on ${options.host}:${options.port}: ${cause.message}`,
          {
            cause,
            details: { host: options.host, port: options.port },
          },
        ),
      ),
    );
    server.listen(options.port, options.host, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : options.port);
    });
  });
  return {
    address: `http://${options.host}:${port}`,
    drain: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
    close: () => server.closeAllConnections(),
  };
}

const MODEL_CONTROL = /^\/v2\/repository\/models\/[^/]+\/(load|unload)$/;
const MODEL_PATH = /^\/v2\/models\/([^/]+)(?:\/versions\/([^/]+))?(?:\/(ready|config|stats|infer))?$/;

async function route(
  core: Core,
  options: HttpOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { registry } = core;
  const pathname = pathOf(request.url ?? "/");
  const isPost = request.method === "POST";
  if (!isPost && request.method !== "GET") return answer(response, 405, { error: "GET or POST" });
  switch (pathname) {
    case "/v2":
      return answer(response, 200, { ...serverMetadata() } as JsonValue);
    case "/v2/health/live":
      return answer(response, 200);
    case "/v2/health/ready":
      return answer(response, core.ready ? 200 : 400);
    case "/v2/models/stats":
      return answer(response, 200, statistics(core, "", ""));
    case "/v2/repository/index": {
      const models = repositoryIndex(registry, false);
      const json = toJson(
        RepositoryIndexResponseSchema,
        create(RepositoryIndexResponseSchema, { models }),
        JSON_STYLE,
      );
      return answer(response, 200, (json as { models: JsonValue }).models);
    }
  }
  const match = MODEL_PATH.exec(pathname);
  if (MODEL_CONTROL.test(pathname)) return refuseModelControl();
  if (match === null) return answer(response, 404, { error: `there is no ${pathname} here` });
  const [, name = "", version = "", what = ""] = match;
  switch (what) {
    case "ready":
      return answer(response, modelReady(registry, name, version) ? 200 : 400);
    case "config":
      return answer(
        response,
        200,
        toNumbers(toJson(ModelConfigSchema, modelConfig(registry, name, version), JSON_STYLE)),
      );
    case "stats":
      return answer(response, 200, statistics(core, name, version));
    case "infer": {
      if (!isPost) return answer(response, 405, { error: "infer takes POST" });
      return infer(core, options, name, version, request, response);
    }
    default: {
      const metadata = create(ModelMetadataResponseSchema, modelMetadata(registry, name, version));
      return answer(response, 200, toNumbers(toJson(ModelMetadataResponseSchema, metadata, JSON_STYLE)));
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

async function infer(
  core: Core,
  options: HttpOptions,
  name: string,
  version: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const model = core.registry.get(name, version);
  if (request.headers["inference-header-content-length"] !== undefined)
    throw new Refusal(
      "UNIMPLEMENTED",
      "tensors in binary form travel over gRPC here; send them as JSON 'data'",
    );
  const body = await readBody(request, options.maxMessageSize);
  const job = parseInferRequest(body, name);
  const pending = model.infer(job, (outcome) => {
    if (response.destroyed) return;
    if (outcome instanceof Refusal) refuse(response, outcome);
    else send(response, 200, formatInferResponse(model, job.id, outcome));
  });
  response.on("close", () => {
    if (!response.writableFinished) pending.abandon();
  });
}

async function readBody(request: IncomingMessage, limit: number): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request) {
    if (!Buffer.isBuffer(part)) continue;
    size += part.byteLength;
    if (limit >= 0 && size > limit) throw invalid(`the request is larger than ${limit} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

/** Triton's names, and values also where they are the default. */
const JSON_STYLE = { useProtoFieldName: true, alwaysEmitImplicit: true } as const;

function statistics(core: Core, name: string, version: string): JsonValue {
  const message = create(ModelStatisticsResponseSchema, {
    modelStats: modelStatistics(core.registry, name, version),
  });
  return toNumbers(toJson(ModelStatisticsResponseSchema, message, JSON_STYLE));
}

/** 64-bit integers as numbers, as Triton writes them; protobuf's JSON has them as strings. Versions stay strings. */
function toNumbers(value: JsonValue, key = ""): JsonValue {
  if (Array.isArray(value)) return value.map((item) => toNumbers(item, key));
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, toNumbers(item, name)]));
  const text = typeof value === "string" && /^-?[0-9]{1,19}$/.test(value);
  const keep = key === "version" || key === "versions" || key === "name" || key === "string_value";
  return text && !keep ? Number(value) : value;
}

const HTTP_STATUS: Readonly<Record<StatusCode, number>> = {
  INVALID_ARGUMENT: 400,
  CANCELLED: 400,
  RESOURCE_EXHAUSTED: 400,
  NOT_FOUND: 404,
  INTERNAL: 500,
  UNIMPLEMENTED: 501,
  UNAVAILABLE: 503,
};

function refuse(response: ServerResponse, error: unknown): void {
  const refusal = asRefusal(error);
  answer(response, HTTP_STATUS[refusal.code], { error: refusal.message });
}

function answer(response: ServerResponse, code: number, body?: JsonValue): void {
  send(response, code, body === undefined ? "" : JSON.stringify(body));
}

function send(response: ServerResponse, code: number, body: string): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(code, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
  response.end(body);
}
