import { createPusher, type PushState, writeMetrics } from "@strainflow/metrics";
import { createRunningTotals } from "./running-totals.ts";
import type { MonitorSink } from "./sink.ts";

export interface PushgatewayOptions {
  /** Milliseconds between pushes. Default 10 000: Prometheus seldom asks more often. */
  readonly intervalMs?: number;
  /** Default `strainflow_monitor`. */
  readonly job?: string;
  /** More labels of the group that is replaced at each push: two monitors that push need different ones. Default none. */
  readonly grouping?: Readonly<Record<string, string>>;
  /** Milliseconds that a push may take. Default 5000. */
  readonly timeoutMs?: number;
  /** Takes the group away at the end. Default: the last push stays, as a Pushgateway is for what has ended. */
  readonly removeAtEnd?: boolean;
  /** Told of a push that failed, and then again when one works. Default: nobody is. */
  readonly onState?: (state: PushState) => void;
}

/**
 * Pushes what a Prometheus endpoint would tell to a Pushgateway, at an interval and once more at the end. A push that
 * fails is told, and the next one is tried: its counters have all that was missed.
 *
 * @param url of the Pushgateway: `http://host:9091`
 * @throws `invalid-option`
 */
export function createPushgatewaySink(url: string, options: PushgatewayOptions = {}): MonitorSink {
  const { job = "strainflow_monitor", grouping = {}, ...pushing } = options;
  const totals = createRunningTotals();
  const pusher = createPusher({
    ...pushing,
    where: "createPushgatewaySink",
    url,
    page: () => writeMetrics(totals.families()),
    grouping: { job, ...grouping },
  });
  return {
    write: (sample) => totals.add(sample),
    close: () => pusher.close(),
  };
}
