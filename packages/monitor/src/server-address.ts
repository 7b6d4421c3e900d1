import { invalidOption } from "@strainflow/series";
import type { CredentialOptions } from "@strainflow/triton";

/** Where a server is asked. */
export interface MonitoredServer {
  /** Name in all output. Default: the metrics' `host:port`, or the host alone at port 8002. */
  readonly name?: string;
  /** URL of its metrics. */
  readonly metrics: string;
  /**
   * Where its models' configurations are to be had, which tell the steps of an ensemble: `grpc://host:port`,
   * `grpcs://host:port`, or `http://host:port` of its HTTP side. Absent: ensembles are not recognised.
   */
  readonly models?: string;
  /** Sent with each request for metrics: `authorization`, … */
  readonly headers?: Readonly<Record<string, string>>;
  /** Whom we trust, and who we are, to its metrics (`https://`) and to its models (`grpcs://`). */
  readonly credentials?: CredentialOptions;
}

/** Triton's own. */
const METRICS_PORT = 8002;
const GRPC_PORT = 8001;

const HOST = /^(\[[0-9a-fA-F:.]+\]|[^\s/:[\]@,]+)(?::(\d{1,5}))?$/;

/**
 * Reads `metrics` or `metrics,models`.
 *
 * `metrics` is `host` (port 8002), `host:port` or the whole URL; `models` is `grpc://host:port` (or `host:port`), or
 * `http://host:port`. Without it, gRPC is looked for at port 8001 of the same host, as Triton has it.
 * `grpc://host:port` alone has its metrics at port 8002.
 *
 * @throws `invalid-option`
 *
 * @example
 * ```ts
 * parseServer("triton-1");                                     // http://triton-1:8002/metrics, grpc://triton-1:8001
 * parseServer("http://127.0.0.1:9002/metrics,127.0.0.1:9001");
 * ```
 */
export function parseServer(text: string): MonitoredServer {
  const expected =
    "host, host:port or http://host:port/metrics, and after a comma, if it is elsewhere than at port 8001, grpc://host:port";
  const fail = (): never => {
    throw invalidOption("parseServer", "server", text, expected);
  };
  const [first = "", second, ...more] = text
    .trim()
    .split(",")
    .map((part) => part.trim());
  if (more.length > 0 || first === "" || second === "") return fail();
  const grpc = /^grpcs?:\/\/(.*?)\/?$/.exec(first);
  const url = metricsUrl(grpc === null ? first : (HOST.exec(grpc[1] ?? "")?.[1] ?? ""));
  if (url === undefined || (grpc !== null && second !== undefined)) return fail();
  const models = grpc === null ? (second ?? `${url.hostname}:${GRPC_PORT}`) : first;
  const modelsAt = /^[a-z]+:\/\//.test(models) ? models : `grpc://${models}`;
  if (!/^(grpcs?|https?):\/\/[^\s/]+\/?$/.test(modelsAt)) return fail();
  return { name: serverName(url), metrics: url.href, models: modelsAt };
}

function metricsUrl(text: string): URL | undefined {
  const host = HOST.exec(text);
  const port = Number(host?.[2] ?? METRICS_PORT);
  if (host !== null && (port < 1 || port > 65_535)) return undefined;
  const given = host === null ? text : `http://${host[1]}:${port}`;
  if (!/^https?:\/\//.test(given) || !URL.canParse(given)) return undefined;
  const url = new URL(given);
  if (url.pathname === "/") url.pathname = "/metrics";
  return url;
}

/** What a server is called where nobody named it; no user or password of its URL. */
export function serverName(metrics: string | URL): string {
  const { hostname, port, protocol } = new URL(metrics);
  const at = port || (protocol === "https:" ? "443" : "80");
  return at === String(METRICS_PORT) ? hostname : `${hostname}:${at}`;
}
