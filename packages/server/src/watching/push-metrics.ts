import { checkPusher, createPusher, type Pusher } from "@strainflow/metrics";
import type { ServerLog } from "./server-log.ts";

export interface PushOptions {
  /** Of the Pushgateway: `http://host:9091`. */
  readonly url: string;
  /** Milliseconds between pushes. Default 10 000: Prometheus seldom asks more often. */
  readonly intervalMs?: number;
  /** Default `strainflow_server`. */
  readonly job?: string;
  /** Tells servers of one job apart. Default: the address of gRPC. */
  readonly instance?: string;
}

/** How long a push may take, in milliseconds: less than a server may take to close. */
const PUSH_MS = 2000;

/** @throws `invalid-option` */
export function checkPush({ url, intervalMs }: PushOptions): void {
  checkPusher({ ...WHERE, url, ...(intervalMs === undefined ? {} : { intervalMs }) });
}

const WHERE = { where: "createServer", option: "pushMetrics.url" };

/** Pushes metrics at an interval, and once more when it is closed. One that fails is told once, until one succeeds. */
export function pushMetrics(
  page: () => string | Promise<string>,
  options: PushOptions,
  address: string,
  log: ServerLog,
): Pusher {
  const { job = "strainflow_server", instance = address, ...rest } = options;
  return createPusher({
    ...WHERE,
    ...rest,
    page,
    grouping: { job, instance },
    timeoutMs: PUSH_MS,
    onState: (state) => {
      if (!state.ok) log.warning(state.error.message);
    },
  });
}
