import type { CredentialOptions } from "@strainflow/triton";
import { Agent, request } from "undici";
import { failed } from "./model-target.ts";
import type { Outcome, Shot, Target } from "./target.ts";

/** What an HTTP handler answered. */
export interface HandlerAnswer {
  readonly status: number;
  readonly body: Uint8Array;
}

/** Says in words what is wrong with an answer, or nothing. */
export type HandlerCheck = (
  answer: HandlerAnswer,
  facts: { readonly body: Uint8Array },
) => string | undefined;

/** Whom we trust, and who we are. */
type HandlerTls = Pick<
  CredentialOptions,
  "rootCertificates" | "clientCertificate" | "clientKey" | "serverName"
>;

/** The same in Node's words; bytes that went to another process are bytes of no kind in particular. */
function tlsOf(tls: HandlerTls = {}): Readonly<Record<string, Buffer | string>> {
  const { rootCertificates: ca, clientCertificate: cert, clientKey: key, serverName } = tls;
  return {
    ...(ca === undefined ? {} : { ca: Buffer.from(ca) }),
    ...(cert === undefined ? {} : { cert: Buffer.from(cert) }),
    ...(key === undefined ? {} : { key: Buffer.from(key) }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  };
}

/** An HTTP handler under load, as each generator needs it. */
export interface HandlerTargetSpec {
  readonly kind: "handler";
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent in turn. */
  readonly bodies: readonly Uint8Array[];
  /** What the answer to each must be, byte by byte. */
  readonly expected?: readonly Uint8Array[];
  readonly check: "expected" | "first" | "none" | HandlerCheck;
  readonly timeoutMs: number;
  /** Connections; each carries one request at a time. */
  readonly connections: number;
  readonly tls?: HandlerTls;
}

/** Statuses from 200 to 299 are answers, all others errors. */
export function openHandlerTarget(spec: HandlerTargetSpec): Target {
  const { url, method, bodies, timeoutMs } = spec;
  const agent = new Agent({
    connections: spec.connections,
    pipelining: 1,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connect: { timeout: timeoutMs, ...tlsOf(spec.tls) },
  });
  const check = checkOf(spec);
  return {
    async send(shot): Promise<Outcome> {
      const body = bodies[shot.step] ?? new Uint8Array(0);
      try {
        const answer = await request(url, {
          method,
          headers: spec.headers,
          ...(method === "GET" || method === "HEAD" ? {} : { body }),
          dispatcher: agent,
        });
        const bytes = new Uint8Array(await answer.body.arrayBuffer());
        const answeredAt = performance.now();
        const { statusCode: status } = answer;
        if (status < 200 || status > 299) return failed(new Error(statusText(status, bytes)), answeredAt);
        const wrong = check({ status, body: bytes }, shot, body);
        return { answeredAt, responses: 1, ...(wrong === undefined ? {} : { wrong }) };
      } catch (error) {
        return failed(error);
      }
    },
    close() {
      void agent.destroy();
    },
  };
}

function checkOf(
  spec: HandlerTargetSpec,
): (answer: HandlerAnswer, shot: Shot, body: Uint8Array) => string | undefined {
  const { check, expected = [] } = spec;
  if (check === "none") return () => undefined;
  if (typeof check === "function")
    return (answer, _, body) => {
      try {
        return check(answer, { body });
      } catch (error) {
        return `the check failed: ${error instanceof Error ? error.message : String(error)}`;
      }
    };
  const known = new Map<number, Uint8Array>();
  return ({ body }, { step }) => {
    const wanted = check === "expected" ? expected[step] : known.get(step);
    if (wanted === undefined) {
      if (check === "first") known.set(step, body);
      return undefined;
    }
    if (Buffer.compare(body, wanted) === 0) return undefined;
    return `the answer to body ${step} is ${bodyText(body)}, expected ${bodyText(wanted)}`;
  };
}

function statusText(status: number, body: Uint8Array): string {
  const text = Buffer.from(body.subarray(0, 200)).toString("utf8").trim();
  return text === "" ? `HTTP ${status}` : `HTTP ${status}: ${text}`;
}

const SHOWN_BYTES = 80;

function bodyText(body: Uint8Array): string {
  const text = JSON.stringify(Buffer.from(body.subarray(0, SHOWN_BYTES)).toString("utf8"));
  return body.length > SHOWN_BYTES ? `${text}… (${body.length} B)` : text;
}
