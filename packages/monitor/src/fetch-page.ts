import { isStrainflowError, StrainflowError } from "@strainflow/series";
import { createHttpCaller } from "./http-caller.ts";

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

/** @param url a user and password in it are sent as basic authorization */
export function createPageFetcher(url: string, headers: Readonly<Record<string, string>> = {}): PageFetcher {
  const caller = createHttpCaller(url);
  return {
    url: caller.url,
    async fetch(options) {
      const answer = await caller.call({ ...options, headers }).catch((cause: unknown) => {
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
