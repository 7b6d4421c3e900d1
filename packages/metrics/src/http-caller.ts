import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { type AgentOptions, Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { StrainflowError } from "@strainflow/series";
import { withoutUser } from "./url-user.ts";

/** Calls one URL over one connection that is kept. */
export interface HttpCaller {
  /** Without a user and a password. */
  readonly url: string;
  /** @throws an error that says what stood in the way, `aborted` */
  call(options: HttpCall): Promise<HttpReply>;
  close(): void;
}

export interface HttpCall {
  /** Milliseconds until the whole answer must be there. */
  readonly timeoutMs: number;
  /** Default GET. */
  readonly method?: "GET" | "PUT" | "DELETE";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

export interface HttpReply {
  readonly status: number;
  /** `404 Not Found` */
  readonly said: string;
  readonly text: string;
}

/** Triton's page of a thousand models has some 2 MB; more than this is something else. */
const MOST_BYTES = 64 * 1024 * 1024;

/*
 * Not fetch: it refuses a list of ports, and its connections cannot be closed.
 */

/**
 * @param url a user and password in it are sent as basic authorization
 * @param tls whom we trust, and who we are, in Node's words
 */
export function createHttpCaller(url: string, tls: AgentOptions = {}): HttpCaller {
  const { url: plain, headers: authorization } = withoutUser(url);
  const target = new URL(plain);
  const secure = target.protocol === "https:";
  const agent = secure
    ? new HttpsAgent({ ...tls, keepAlive: true, maxSockets: 1 })
    : new HttpAgent({ keepAlive: true, maxSockets: 1 });
  const send = secure ? httpsRequest : httpRequest;

  return {
    url: plain,
    async call({ method = "GET", headers = {}, body, signal, timeoutMs }) {
      // Not AbortSignal.any: on Node 20 a signal that lives for days keeps something of each that was made from it.
      const ending = new AbortController();
      const end = (): void => ending.abort();
      let late = false;
      const timer = setTimeout(() => {
        late = true;
        end();
      }, timeoutMs);
      signal?.addEventListener("abort", end, { once: true });
      try {
        signal?.throwIfAborted();
        const response = await new Promise<IncomingMessage>((resolve, reject) => {
          const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
          const call = send(
            target,
            { agent, method, signal: ending.signal, headers: { ...authorization, ...headers, ...length } },
            resolve,
          );
          call.on("error", reject);
          call.end(body);
        });
        const { statusCode: status = 0, statusMessage = "" } = response;
        return { status, said: `${status} ${statusMessage}`.trimEnd(), text: await readBody(response) };
      } catch (cause) {
        if (signal?.aborted === true) throw new StrainflowError("aborted", "stopped", { cause });
        throw new Error(late ? `no answer within ${timeoutMs} ms` : reason(cause), { cause });
      } finally {
        clearTimeout(timer);
        signal?.removeEventListener("abort", end);
      }
    },
    close() {
      agent.destroy();
    },
  };
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MOST_BYTES) throw new Error(`an answer of more than ${MOST_BYTES / 1024 / 1024} MiB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Where a name has several addresses, Node's error has a reason for each and no message of its own. */
function reason(error: unknown): string {
  if (error instanceof AggregateError)
    return [
      ...new Set(error.errors.map((each) => (each instanceof Error ? each.message : String(each)))),
    ].join("; ");
  return error instanceof Error ? error.message : String(error);
}
