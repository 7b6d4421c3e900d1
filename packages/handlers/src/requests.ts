import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { METRICS_TYPE } from "@strainflow/metrics";
import { bearerCheck } from "./bearer.ts";
import { type BodyForm, errorReply, type Reply } from "./body.ts";
import { ITEMS_TYPE } from "./framing.ts";
import type { CheckedOptions } from "./serve-options.ts";
import type { ServerFigures } from "./server-figures.ts";
import type { WorkerPool } from "./worker-pool.ts";

export interface Requests {
  readonly listener: RequestListener;
  /** From now on every answer closes its connection, and new requests are refused. */
  drain(): void;
}

/** What is told of the server as a whole, also where it is several processes. */
export interface Whole {
  /** The page of metrics. */
  metrics(): string | Promise<string>;
  /** Workers that have their handler, and how many there are to be. */
  workers(): WorkerCount | Promise<WorkerCount>;
}

export interface WorkerCount {
  readonly ready: number;
  readonly wanted: number;
}

const encoder = new TextEncoder();

/** What is done with each HTTP request: little, for it is done on the thread that speaks to all clients. */
export function createRequests(
  pool: WorkerPool,
  figures: ServerFigures,
  options: CheckedOptions,
  whole: Whole,
): Requests {
  const { maxBodyBytes, maxRequests, maxPendingBytes } = options;
  const admitted = bearerCheck(options.token);
  let draining = false;
  let pendingBytes = 0;

  function answer(response: ServerResponse, { status, contentType, body }: Reply, head = false): void {
    if (response.headersSent || response.destroyed) return;
    response.writeHead(status, {
      "content-type": contentType,
      "content-length": body.length,
      ...(draining ? { connection: "close" } : {}),
      ...(status === 401 ? { "www-authenticate": "Bearer" } : {}),
      ...(status === 503 ? { "retry-after": "1" } : {}),
    });
    response.end(head ? undefined : body);
  }

  async function tell(path: "/metrics" | "/health"): Promise<Reply> {
    if (path === "/metrics")
      return { status: 200, contentType: METRICS_TYPE, body: encoder.encode(await whole.metrics()) };
    const count = await whole.workers();
    const status = draining || count.ready === 0 ? 503 : 200;
    const body = encoder.encode(JSON.stringify({ ready: status === 200, workers: count }));
    return { status, contentType: "application/json", body };
  }

  /** What is left of the body is not worth its time. */
  function refuse(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
    figures.refused(reply.status);
    response.setHeader("connection", "close");
    answer(response, reply);
    request.resume();
    response.once("finish", () => request.destroy());
  }

  function infer(request: IncomingMessage, response: ServerResponse): void {
    const fromMs = performance.now();
    const announced = Number(request.headers["content-length"] ?? 0);
    const encoding = request.headers["content-encoding"] ?? "identity";
    if (draining) return refuse(request, response, errorReply(503, "overloaded", "the server is closing"));
    if (announced > maxBodyBytes) return refuse(request, response, tooLarge(maxBodyBytes));
    if (encoding !== "identity")
      return refuse(
        request,
        response,
        errorReply(415, "invalid", "bodies are taken as they are, not compressed"),
      );
    if (pool.pending >= maxRequests || pendingBytes + announced > maxPendingBytes)
      return refuse(
        request,
        response,
        errorReply(503, "overloaded", "too much is under way; try again later"),
      );
    const chunks: Uint8Array[] = [];
    let size = 0;
    let open = true;
    const release = (): void => {
      if (!open) return;
      open = false;
      pendingBytes -= size;
    };
    request.on("data", (chunk: Buffer) => {
      if (!open) return;
      size += chunk.length;
      pendingBytes += chunk.length;
      if (size > maxBodyBytes || pendingBytes > maxPendingBytes) {
        chunks.length = 0;
        const over = size > maxBodyBytes;
        release();
        refuse(
          request,
          response,
          over
            ? tooLarge(maxBodyBytes)
            : errorReply(503, "overloaded", "too much is under way; try again later"),
        );
      } else chunks.push(chunk);
    });
    request.on("error", release);
    request.on("close", () => {
      if (!request.complete) release();
    });
    request.on("end", () => {
      if (!open) return;
      pool.send({
        form: formOf(request.headers["content-type"]),
        body: chunks,
        answer: (reply) => {
          release();
          figures.answered(reply.status, (performance.now() - fromMs) / 1000);
          answer(response, reply);
        },
      });
    });
  }

  const listener: RequestListener = (request, response) => {
    if (!admitted(request.headers.authorization))
      return refuse(request, response, errorReply(401, "unauthenticated", "a bearer token is needed"));
    const path = request.url?.split("?", 1)[0] ?? "/";
    const { method } = request;
    if (path === "/" && method === "POST") return infer(request, response);
    request.resume();
    const reads = method === "GET" || method === "HEAD";
    const head = method === "HEAD";
    if ((path === "/metrics" || path === "/health") && reads) {
      tell(path).then(
        (reply) => answer(response, reply, head),
        () => answer(response, errorReply(503, "overloaded", "the other processes do not answer"), head),
      );
      return;
    }
    const known = ["/", "/metrics", "/health"].includes(path);
    if (known) response.setHeader("allow", path === "/" ? "POST" : "GET, HEAD");
    return answer(
      response,
      known
        ? errorReply(405, "invalid", `${path} takes ${path === "/" ? "POST" : "GET"}`)
        : errorReply(404, "invalid", "items are posted to /; there are /health and /metrics besides"),
      head,
    );
  };
  return {
    listener,
    drain: () => {
      draining = true;
    },
  };
}

/** JSON is a message of items, also where nothing is said; what is neither is one item by itself. */
function formOf(contentType: string | undefined): BodyForm {
  const type = contentType?.split(";", 1)[0]?.trim().toLowerCase() ?? "application/json";
  if (type === "application/json" || type === "application/x-www-form-urlencoded" || type === "text/plain")
    return "json";
  return type === ITEMS_TYPE ? "items" : "single";
}

function tooLarge(maxBodyBytes: number): Reply {
  return errorReply(
    413,
    "invalid",
    `a body has at most ${maxBodyBytes} bytes here; send fewer items at a time`,
  );
}
