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

/** HTTP as it is; `fetch` undoes the compression of answers. */
export async function http(address: string, path: string, request: HttpRequest = {}): Promise<HttpAnswer> {
  const { body, headers = {} } = request;
  const raw = body === undefined || typeof body === "string" || body instanceof Uint8Array;
  const answer = await fetch(`${address}${path}`, {
    method: request.method ?? (body === undefined ? "GET" : "POST"),
    headers: { "accept-encoding": "identity", ...headers },
    ...(body === undefined ? {} : { body: raw ? Buffer.from(body) : JSON.stringify(body) }),
    signal: AbortSignal.timeout(20_000),
  });
  const bytes = Buffer.from(await answer.arrayBuffer());
  return { status: answer.status, headers: answer.headers, bytes, text: bytes.toString("utf8") };
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
