import { createHttpCaller } from "@strainflow/metrics";
import { isStrainflowError, StrainflowError } from "@strainflow/series";
import type { CredentialOptions } from "@strainflow/triton";

/** Fetches one page, again and again. */
export interface PageFetcher {
  /** Without a user and a password. */
  readonly url: string;
  /** @throws `metrics-unreachable`, `metrics-unreadable`, `aborted` */
  fetch(options: PageOptions): Promise<string>;
  close(): void;
}

interface PageOptions {
  readonly signal: AbortSignal;
  /** Milliseconds until the page must be there. */
  readonly timeoutMs: number;
}

/**
 * @param url a user and password in it are sent as basic authorization
 * @param headers of each request, over those of `credentials`
 */
export function createPageFetcher(
  url: string,
  headers: Readonly<Record<string, string>> = {},
  credentials: CredentialOptions = {},
): PageFetcher {
  const { rootCertificates, clientCertificate, clientKey, serverName, bearerToken } = credentials;
  const caller = createHttpCaller(url, {
    ...(rootCertificates === undefined ? {} : { ca: Buffer.from(rootCertificates) }),
    ...(clientCertificate === undefined ? {} : { cert: Buffer.from(clientCertificate) }),
    ...(clientKey === undefined ? {} : { key: Buffer.from(clientKey) }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  });
  const ownHeaders = async (): Promise<Readonly<Record<string, string>>> => {
    const token = typeof bearerToken === "function" ? await bearerToken() : bearerToken;
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    return { ...credentials.headers, ...authorization, ...headers };
  };
  return {
    url: caller.url,
    async fetch(options) {
      const answer = await ownHeaders()
        .then((own) => caller.call({ ...options, headers: own }))
        .catch((cause: unknown) => {
          if (isStrainflowError(cause, "aborted")) throw cause;
          const why = cause instanceof Error ? cause.message : String(cause);
          throw new StrainflowError("metrics-unreachable", `${caller.url} cannot be reached (${why})`, {
            cause,
            details: { url: caller.url },
          });
        });
      if (answer.status === 200) return answer.text;
      throw new StrainflowError("metrics-unreadable", `${caller.url} answers ${answer.said}`, {
        details: { url: caller.url, status: answer.status },
      });
    },
    close: () => caller.close(),
  };
}
