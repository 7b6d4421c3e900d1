import { invalidOption } from "@strainflow/series";
import type { HandlerTargetSpec } from "./handler-target.ts";
import type { HandlerUnderLoad, LoadTestOptions } from "./load-test-options.ts";
import type { SubjectFacts } from "./load-test-result.ts";

/** Connections to a handler where a rate does not say how many are needed. */
const MOST_CONNECTIONS = 256;

/** @throws `invalid-option` */
export function handlerSpec(
  target: HandlerUnderLoad,
  { loads, timeoutMs = 30_000 }: LoadTestOptions,
): { readonly spec: HandlerTargetSpec; readonly facts: SubjectFacts } {
  const { url, body, expected, headers = {} } = target;
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol))
    throw invalidOption("loadTest", "url", url, "an address like http://127.0.0.1:8080/predict");
  const bodies = target.bodies ?? (body === undefined ? [] : [body]);
  if (target.bodies?.length === 0) throw invalidOption("loadTest", "bodies", "empty", "one body or more");
  const json = bodies.some((each) => !(each instanceof Uint8Array));
  const type = json ? "application/json" : "application/octet-stream";
  const hasType = Object.keys(headers).some((name) => name.toLowerCase() === "content-type");
  const check = target.check ?? (expected === undefined ? "none" : "expected");
  if (check === "expected" && expected?.length !== bodies.length)
    throw invalidOption(
      "loadTest",
      "expected",
      `${expected?.length ?? 0} answers`,
      `${bodies.length}, one for each body`,
    );
  const most = Math.max(
    1,
    ...loads.map((load) => (load.kind === "concurrency" ? load.concurrency : MOST_CONNECTIONS)),
  );
  const { connections = most } = target;
  return {
    spec: {
      kind: "handler",
      url,
      method: target.method ?? (bodies.length > 0 ? "POST" : "GET"),
      headers: bodies.length === 0 || hasType ? headers : { "content-type": type, ...headers },
      bodies: bodies.length === 0 ? [new Uint8Array(0)] : bodies.map(bytesOf),
      ...(expected === undefined ? {} : { expected: expected.map(bytesOf) }),
      check,
      timeoutMs,
      connections,
      ...(target.tls === undefined ? {} : { tls: target.tls }),
    },
    facts: { kind: "handler", name: url, address: url, protocol: "http", batchSize: 1, sequences: false },
  };

  function bytesOf(value: unknown): Uint8Array {
    if (value instanceof Uint8Array) return value;
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return new Uint8Array(Buffer.from(text, "utf8"));
  }
}
