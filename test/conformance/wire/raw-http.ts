import { request } from "node:http";
import { gunzipSync, inflateSync } from "node:zlib";

/** An HTTP answer. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  readonly text: string;
}

export interface HttpRequest {
  /** Default: GET without a body, else POST. */
  readonly method?: string;
  /** Objects are sent as JSON. */
  readonly body?: object | string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** HTTP as it is, a connection for each request; the compression of answers is undone. */
export function http(address: string, path: string, options: HttpRequest = {}): Promise<HttpAnswer> {
  const { body, headers = {} } = options;
  const raw = typeof body === "string" || body instanceof Uint8Array;
  const bytes = body === undefined ? undefined : Buffer.from(raw ? body : JSON.stringify(body));
  const method = options.method ?? (body === undefined ? "GET" : "POST");
  return new Promise((resolve, reject) => {
    const call = request(`${address}${path}`, {
      method,
      agent: false,
      headers: { ...(method === "GET" ? {} : { "content-length": bytes?.byteLength ?? 0 }), ...headers },
      signal: AbortSignal.timeout(20_000),
    });
    call.on("error", reject);
    call.on("response", (response) => {
      const parts: Buffer[] = [];
      response.on("error", reject);
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () => {
        const unpacked = unpack(response.headers["content-encoding"], Buffer.concat(parts));
        resolve({
          status: response.statusCode ?? 0,
          headers: new Headers(Object.entries(response.headers).map(([key, value]) => [key, String(value)])),
          bytes: unpacked,
          text: unpacked.toString("utf8"),
        });
      });
    });
    call.end(bytes);
  });
}

function unpack(encoding: string | undefined, bytes: Buffer): Buffer {
  if (encoding === "gzip") return gunzipSync(bytes);
  return encoding === "deflate" ? inflateSync(bytes) : bytes;
}

/** The JSON of an answer. */
export function json(answer: HttpAnswer): unknown {
  return answer.text === "" ? undefined : JSON.parse(answer.text);
}

/** A request with tensors behind its JSON. */
export function withTensors(head: object, ...tensors: readonly Uint8Array[]): HttpRequest {
  const text = Buffer.from(JSON.stringify(head));
  return {
    body: Buffer.concat([text, ...tensors]),
    headers: { "inference-header-content-length": String(text.byteLength) },
  };
}

/** An answer with tensors behind its JSON, taken apart. */
export function split(answer: HttpAnswer): { readonly head: unknown; readonly tail: Buffer } {
  const size = Number(answer.headers.get("inference-header-content-length") ?? answer.bytes.byteLength);
  return { head: JSON.parse(answer.bytes.toString("utf8", 0, size)), tail: answer.bytes.subarray(size) };
}
