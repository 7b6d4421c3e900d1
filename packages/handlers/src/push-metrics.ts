import { invalidOption, StrainflowError } from "@strainflow/series";
import type { HandlerServer } from "./serve-handler.ts";
import { METRICS_TYPE } from "./server-figures.ts";

export interface PushMetricsOptions {
  /** Of the Pushgateway: `http://host:9091`. */
  readonly url: string;
  /** Milliseconds between pushes. Default 10 000: Prometheus seldom asks more often. */
  readonly intervalMs?: number;
  /** Default `strainflow_handler`. */
  readonly job?: string;
  /** Tells servers of one job apart. Default: the server's own URL. */
  readonly instance?: string;
  /** Told of a push that failed. Default: nobody is; the next one has all that was missed. */
  readonly onFailure?: (error: StrainflowError) => void;
}

/** How long a push may take, in milliseconds. */
const PUSH_MS = 5000;

/**
 * Pushes a server's metrics to a Pushgateway, at an interval and once more when it is closed.
 *
 * @returns what ends it
 * @throws `invalid-option`
 */
export function pushMetrics(
  server: HandlerServer,
  options: PushMetricsOptions,
): { readonly close: () => Promise<void> } {
  const { url, intervalMs = 10_000, job = "strainflow_handler", instance = server.url, onFailure } = options;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw invalidOption("pushMetrics", "url", url, "a URL like http://127.0.0.1:9091");
  if (!(intervalMs >= 1 && intervalMs <= 86_400_000))
    throw invalidOption(
      "pushMetrics",
      "intervalMs",
      intervalMs,
      "milliseconds, at least 1 and at most a day",
    );
  // What holds a slash cannot stand in a path as it is.
  const label = (name: string, value: string): string =>
    `${name}@base64/${value === "" ? "=" : Buffer.from(value).toString("base64url")}`;
  const target = `${url.replace(/\/+$/, "")}/metrics/${label("job", job)}/${label("instance", instance)}`;
  let pushing: Promise<void> | undefined;

  async function send(): Promise<void> {
    try {
      const response = await fetch(target, {
        method: "PUT",
        headers: { "content-type": METRICS_TYPE },
        body: await server.metrics(),
        signal: AbortSignal.timeout(PUSH_MS),
      });
      const said = await response.text();
      if (!response.ok) throw new Error(`status ${response.status} ${said.trim().slice(0, 200)}`);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const message = `${url} takes no metrics (${why}); it is tried again`;
      onFailure?.(new StrainflowError("push-failed", message, { cause, details: { url } }));
    }
  }
  const push = (): Promise<void> => {
    pushing ??= send().finally(() => {
      pushing = undefined;
    });
    return pushing;
  };
  const timer = setInterval(() => void push(), intervalMs);
  return {
    async close() {
      clearInterval(timer);
      await pushing;
      await push();
    },
  };
}
