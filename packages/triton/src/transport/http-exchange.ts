import { promisify } from "node:util";
import { deflate, gunzip, gzip, inflate } from "node:zlib";
import { Pool } from "undici";
import type { CallLimits } from "../call-options.ts";
import type { Address } from "./address.ts";
import { headerSource, tlsOptions } from "./credentials.ts";
import { type GrpcFailure, type GrpcStatus, grpcFailure } from "./grpc-status.ts";
import type { TransportOptions } from "./transport.ts";

const pack = { gzip: promisify(gzip), deflate: promisify(deflate) };
const unpack = { gzip: promisify(gunzip), deflate: promisify(inflate) };

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** Connections to one HTTP server, each for one request at a time. */
export interface HttpExchange {
  /**
   * @param isTensors the body is an inference request's: Triton decompresses no other
   * @throws {@link GrpcFailure} where there is no answer; any status is an answer
   */
  request(
    verb: "GET" | "POST",
    path: string,
    body: Buffer | undefined,
    headers: Readonly<Record<string, string>>,
    limits: CallLimits,
    isTensors?: boolean,
  ): Promise<HttpAnswer>;
  /**
   * An answer that is read as it comes: its status at once, and its body in pieces.
   *
   * @param limits `timeoutMs` is how long each piece may take after the one before
   * @throws {@link GrpcFailure} where there is no answer, and while pieces are read
   */
  stream(
    path: string,
    body: Buffer,
    headers: Readonly<Record<string, string>>,
    limits: CallLimits,
  ): Promise<HttpStream>;
  close(): void;
}

/** An answer of which the body is still to come. To end before it has means to leave its loop. */
export interface HttpStream {
  readonly status: number;
  readonly chunks: AsyncIterable<Buffer>;
}

export function createHttpExchange(
  address: Address,
  connections: number,
  options: TransportOptions,
): HttpExchange {
  const { compression } = options;
  const source = headerSource(options);
  const pool = new Pool(`${address.secure ? "https" : "http"}://${address.target}`, {
    connections,
    // A call has its own limit.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: tlsOptions(options),
  });
  const coding: Record<string, string> =
    compression === undefined ? {} : { "accept-encoding": `${compression}` };

  return {
    async request(verb, path, body, headers, { timeoutMs, signal, headers: own }, isTensors = false) {
      const limit = AbortSignal.timeout(Math.ceil(timeoutMs));
      try {
        await source.refresh();
        const isPacked = isTensors && compression !== undefined && body !== undefined;
        const answer = await pool.request({
          method: verb,
          path,
          headers: {
            ...coding,
            ...(isPacked ? { "content-encoding": compression } : {}),
            ...source.current(),
            ...own,
            ...headers,
          },
          body: body === undefined ? null : isPacked ? await pack[compression](body, { level: 1 }) : body,
          signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
        });
        const bytes = Buffer.from(await answer.body.arrayBuffer());
        const encoding = answer.headers["content-encoding"];
        return {
          status: answer.statusCode,
          headers: answer.headers,
          body: encoding === "gzip" || encoding === "deflate" ? await unpack[encoding](bytes) : bytes,
        };
      } catch (cause) {
        if (signal?.aborted) throw grpcFailure("CANCELLED", "given up by the caller");
        if (limit.aborted) throw grpcFailure("DEADLINE_EXCEEDED", `no answer within ${timeoutMs} ms`);
        throw grpcFailure("UNAVAILABLE", reasonOf(cause));
      }
    },
    async stream(path, body, headers, { timeoutMs, signal, headers: own }) {
      const ending = new AbortController();
      let late = false;
      let timer: NodeJS.Timeout | undefined;
      // Counts while the server is waited for, and not while what it gave is looked at.
      const wait = (): void => {
        timer = setTimeout(() => {
          late = true;
          ending.abort();
        }, timeoutMs);
      };
      const abort = (): void => ending.abort();
      if (signal?.aborted) abort();
      signal?.addEventListener("abort", abort, { once: true });
      const over = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
        // Of a body that was not read to its end, the rest is not wanted.
        ending.abort();
      };
      const failure = (cause: unknown): GrpcFailure => {
        over();
        if (signal?.aborted) return grpcFailure("CANCELLED", "given up by the caller");
        if (late) return grpcFailure("DEADLINE_EXCEEDED", `nothing came within ${timeoutMs} ms`);
        return grpcFailure("UNAVAILABLE", reasonOf(cause));
      };
      try {
        await source.refresh();
        wait();
        const answer = await pool.request({
          method: "POST",
          path,
          headers: { ...source.current(), ...own, ...headers },
          body,
          signal: ending.signal,
        });
        return { status: answer.statusCode, chunks: pieces(answer.body) };
      } catch (cause) {
        throw failure(cause);
      }

      async function* pieces(read: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
        try {
          for await (const piece of read) {
            clearTimeout(timer);
            yield piece;
            wait();
          }
        } catch (cause) {
          throw failure(cause);
        } finally {
          over();
        }
      }
    },
    close() {
      pool.destroy().catch(() => undefined);
    },
  };
}

/** What an HTTP status says, in gRPC's words. */
export function answerFailure({ status, body }: HttpAnswer): GrpcFailure {
  const text = body.toString("utf8");
  let message = text;
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null && "error" in parsed) message = String(parsed.error);
  } catch {
    // Not Triton's own words: a proxy's page, say. Its beginning is told.
    message = text.slice(0, 200);
  }
  return grpcFailure(
    STATUSES.get(status) ?? (status >= 500 ? "INTERNAL" : "INVALID_ARGUMENT"),
    message || `HTTP ${status}`,
  );
}

const STATUSES: ReadonlyMap<number, GrpcStatus> = new Map([
  [401, "UNAUTHENTICATED"],
  [403, "PERMISSION_DENIED"],
  [404, "NOT_FOUND"],
  [429, "RESOURCE_EXHAUSTED"],
  [499, "CANCELLED"],
  [501, "UNIMPLEMENTED"],
  [502, "UNAVAILABLE"],
  [503, "UNAVAILABLE"],
  [504, "DEADLINE_EXCEEDED"],
]);

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  if (cause instanceof AggregateError && cause.message === "")
    return cause.errors.map((each) => (each instanceof Error ? each.message : String(each))).join("; ");
  return cause.message;
}
