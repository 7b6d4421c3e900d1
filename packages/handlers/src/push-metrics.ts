import { createPusher } from "@strainflow/metrics";
import type { StrainflowError } from "@strainflow/series";
import type { HandlerServer } from "./serve-handler.ts";

export interface PushMetricsOptions {
  /** Of the Pushgateway: `http://host:9091`. */
  readonly url: string;
  /** Milliseconds between pushes. Default 10 000: Prometheus seldom asks more often. */
  readonly intervalMs?: number;
  /** Default `strainflow_handler`. */
  readonly job?: string;
  /** Tells servers of one job apart. Default: the server's own URL. */
  readonly instance?: string;
  /** Told of a push that failed, once until one works again. Default: nobody is; the next one has all that was missed. */
  readonly onFailure?: (error: StrainflowError) => void;
}

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
  const { url, intervalMs, job = "strainflow_handler", instance = server.url, onFailure } = options;
  return createPusher({
    where: "pushMetrics",
    url,
    page: () => server.metrics(),
    grouping: { job, instance },
    ...(intervalMs === undefined ? {} : { intervalMs }),
    onState: (state) => {
      if (!state.ok) onFailure?.(state.error);
    },
  });
}
