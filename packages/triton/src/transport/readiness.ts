import { GRPCInferenceService } from "@strainflow/proto";
import { isStrainflowError, StrainflowError } from "@strainflow/series";
import type { Link } from "./link.ts";

const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 1000;
const LONGEST_TRY_MS = 2000;

/**
 * Asks at growing intervals (25 ms to 1 s) until an answer comes.
 *
 * @param ask gives the answer, or says by an error why there is none yet; other errors than `retried` end the waiting
 * @throws what `giveUp` makes of the last error after `waitMs`; `aborted`
 */
export async function askUntil<T>(options: {
  readonly ask: (limitMs: number) => Promise<T>;
  readonly waitMs: number;
  readonly signal: AbortSignal | undefined;
  readonly what: string;
  readonly retried: (error: unknown) => boolean;
  readonly giveUp: (cause: unknown) => Error;
}): Promise<T> {
  const { ask, waitMs, signal, what, retried, giveUp } = options;
  const started = performance.now();
  let before: unknown;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    const leftMs = waitMs - (performance.now() - started);
    if (signal?.aborted)
      throw new StrainflowError("aborted", `waiting for ${what} was given up`, { cause: signal.reason });
    try {
      return await ask(Math.max(1, Math.min(leftMs, LONGEST_TRY_MS)));
    } catch (error) {
      if (!retried(error)) throw error;
      const goneMs = performance.now() - started;
      // The last try has what time is left: where that ended it, the one before says more.
      if (goneMs + pauseMs > waitMs) throw giveUp(goneMs < waitMs ? error : (before ?? error));
      before = error;
    }
    await pause(pauseMs, signal);
  }
}

/** Waits, or less where the signal comes. */
function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
  });
}

/**
 * Waits until one of the servers says that it is ready.
 *
 * @throws `server-unavailable` after `waitMs`, with the last answer or failure of each; `server-untrusted` at once where
 *   TLS says that none of them is who it should be; `aborted`
 */
export async function waitUntilReady(
  links: readonly Link[],
  waitMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const addresses = links.map(({ address }) => address).join(", ");
  await askUntil({
    waitMs,
    signal,
    what: `the server at ${addresses}`,
    retried: (error) => !isStrainflowError(error, "server-untrusted"),
    ask: (limitMs) =>
      Promise.any(links.map((link) => checkReady(link, limitMs, signal))).catch((cause: unknown) => {
        throw untrusted(addresses, cause) ?? cause;
      }),
    giveUp(cause) {
      const reasons = cause instanceof AggregateError ? cause.errors : [cause];
      const last = reasons.map((each) => (each instanceof Error ? each.message : String(each))).join("; ");
      return new StrainflowError(
        "server-unavailable",
        `the server at ${addresses} was not ready within ${waitMs} ms (${last}); is it running, and is this its port?`,
        { cause, details: { address: addresses, waitMs } },
      );
    },
  });
}

const UNTRUSTED =
  /self-signed certificate[\w ]*|unable to (?:get|verify)[\w ]*certificate[\w ]*|certificate (?:has expired|is not yet valid|revoked|rejected)|does not match certificate's altnames[^();]*/i;

/** A certificate that is not trusted will not be later: to wait for it is no use. */
function untrusted(addresses: string, cause: unknown): StrainflowError | undefined {
  const reasons = cause instanceof AggregateError ? cause.errors : [cause];
  const found = reasons.map((each) => UNTRUSTED.exec(each instanceof Error ? each.message : "")?.[0].trim());
  const [why] = found;
  if (why === undefined || found.includes(undefined)) return undefined;
  const isNamed = /altnames/.test(why);
  return new StrainflowError(
    "server-untrusted",
    isNamed
      ? `the server at ${addresses} shows a certificate of another name (the address ${why}); give the name that it has as serverName`
      : `the server at ${addresses} shows a certificate that is not trusted (${why}); give the authority that signed it as rootCertificates`,
    { cause, details: { address: addresses, reason: why, isNamed } },
  );
}

/** @throws unless the server says that all of its models are ready */
export async function checkReady(
  link: Link,
  limitMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { ready } = await link.call(
    GRPCInferenceService.method.serverReady,
    {},
    { timeoutMs: limitMs, ...(signal === undefined ? {} : { signal }) },
  );
  if (!ready) throw new Error("it is alive, and not all of its models are ready");
}
