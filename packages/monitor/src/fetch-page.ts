import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { StrainflowError } from "@strainflow/series";
import { withoutUser } from "./url-user.ts";

/** Fetches pages of one server over one connection that is kept. */
export interface PageFetcher {
  /** Without a user and a password. */
  readonly url: string;
  /** @throws `metrics-unreachable`, `metrics-unreadable`, `aborted` */
  fetch(options?: PageOptions): Promise<string>;
  close(): void;
}

export interface PageOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds until the page must be there. Default 5000. */
  readonly timeoutMs?: number;
}

/** Triton's page of a thousand models has some 2 MB; more than this is something else. */
const MOST_BYTES = 64 * 1024 * 1024;

/** @param url a user and password in it are sent as basic authorization */
export function createPageFetcher(url: string, headers: Readonly<Record<string, string>> = {}): PageFetcher {
  const { url: page, headers: authorization } = withoutUser(url);
  const target = new URL(page);
  const secure = target.protocol === "https:";
  const agent = secure
    ? new HttpsAgent({ keepAlive: true, maxSockets: 1 })
    : new HttpAgent({ keepAlive: true, maxSockets: 1 });
  const send = secure ? httpsRequest : httpRequest;

  return {
    url: page,
    async fetch({ signal, timeoutMs = 5000 } = {}) {
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
          const call = send(
            target,
            { agent, signal: ending.signal, headers: { accept: "text/plain", ...authorization, ...headers } },
            resolve,
          );
          call.on("error", reject);
          call.end();
        });
        return await readBody(response, page);
      } catch (cause) {
        if (signal?.aborted === true) throw new StrainflowError("aborted", "stopped", { cause });
        if (cause instanceof StrainflowError) throw cause;
        throw new StrainflowError(
          "metrics-unreachable",
          `${page} ${late ? `gave no answer within ${timeoutMs} ms` : `cannot be reached (${reason(cause)})`}`,
          { cause, details: { url: page } },
        );
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

async function readBody(response: IncomingMessage, url: string): Promise<string> {
  const { statusCode = 0, statusMessage = "" } = response;
  const unreadable = (what: string): StrainflowError =>
    new StrainflowError("metrics-unreadable", `${url} ${what}`, { details: { url, statusCode } });
  if (statusCode !== 200) {
    response.destroy();
    throw unreadable(`answers ${statusCode} ${statusMessage}`.trimEnd());
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MOST_BYTES) throw unreadable(`gives more than ${MOST_BYTES / 1024 / 1024} MiB`);
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
