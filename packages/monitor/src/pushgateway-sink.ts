import { invalidOption, StrainflowError } from "@strainflow/series";
import { createHttpCaller } from "./http-caller.ts";
import { createRunningTotals } from "./running-totals.ts";
import type { MonitorSink } from "./sink.ts";
import { withoutUser } from "./url-user.ts";
import { METRICS_TYPE, writeMetrics } from "./write-metrics.ts";

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

/** How pushing goes on: told when it changes. */
export type PushState = { readonly ok: true } | { readonly ok: false; readonly error: StrainflowError };

/**
 * Pushes what a Prometheus endpoint would tell to a Pushgateway, at an interval and once more at the end. A push that
 * fails is told, and the next one is tried: its counters have all that was missed.
 *
 * @param url of the Pushgateway: `http://host:9091`
 * @throws `invalid-option`
 */
export function createPushgatewaySink(url: string, options: PushgatewayOptions = {}): MonitorSink {
  const { intervalMs = 10_000, job = "strainflow_monitor", grouping = {}, timeoutMs = 5000 } = options;
  const { removeAtEnd = false, onState = () => undefined } = options;
  for (const [name, value] of Object.entries({ intervalMs, timeoutMs }))
    if (!(value >= 1 && value <= 86_400_000))
      throw invalidOption("createPushgatewaySink", name, value, "milliseconds, at least 1 and at most a day");
  const caller = createHttpCaller(groupUrl(checkUrl(url), { job, ...grouping }));
  const gateway = withoutUser(url).url;
  const totals = createRunningTotals();
  let ok: boolean | undefined;
  let pushing: Promise<void> | undefined;

  async function send(method: "PUT" | "DELETE"): Promise<void> {
    try {
      const { status, said, text } = await caller.call({
        method,
        timeoutMs,
        ...(method === "PUT"
          ? { body: writeMetrics(totals.families()), headers: { "content-type": METRICS_TYPE } }
          : {}),
      });
      if (status < 200 || status > 299)
        throw new Error([said, text.trim().slice(0, 200)].filter((part) => part !== "").join(": "));
      if (ok === false) onState({ ok: true });
      ok = true;
    } catch (cause) {
      if (ok !== false) onState({ ok: false, error: notPushed(gateway, cause) });
      ok = false;
    }
  }

  const push = (): Promise<void> => {
    pushing ??= send("PUT").finally(() => {
      pushing = undefined;
    });
    return pushing;
  };
  const timer = setInterval(() => void push(), intervalMs);
  return {
    write: (sample) => totals.add(sample),
    async close() {
      clearInterval(timer);
      await pushing;
      await send(removeAtEnd ? "DELETE" : "PUT");
      caller.close();
    },
  };
}

function notPushed(url: string, cause: unknown): StrainflowError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new StrainflowError("push-failed", `${url} takes no metrics (${why}); it is tried again`, {
    cause,
    details: { url },
  });
}

function checkUrl(url: string): string {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw invalidOption("createPushgatewaySink", "url", url, "a URL like http://127.0.0.1:9091");
  return url;
}

/** `…/metrics/job/NAME/label/value`; what cannot stand in a path as it is goes in as base64. */
function groupUrl(url: string, labels: Readonly<Record<string, string>>): string {
  const parts = Object.entries(labels).map(([name, value]) => {
    if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name))
      throw invalidOption("createPushgatewaySink", "grouping", name, "labels of letters, digits and _");
    if (value === "") return `${name}@base64/=`;
    return value.includes("/")
      ? `${name}@base64/${Buffer.from(value).toString("base64url")}`
      : `${name}/${encodeURIComponent(value)}`;
  });
  return `${url.replace(/\/+$/, "")}/metrics/${parts.join("/")}`;
}
