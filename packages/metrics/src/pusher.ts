import { invalidOption, StrainflowError } from "@strainflow/series";
import { createHttpCaller } from "./http-caller.ts";
import { METRICS_TYPE } from "./write-metrics.ts";

/** How pushing goes on: told when it changes. */
export type PushState = { readonly ok: true } | { readonly ok: false; readonly error: StrainflowError };

export interface PusherOptions {
  /** Whose option the URL is, for the words of an error: `createServer`. */
  readonly where: string;
  /** What that option is called. Default `url`. */
  readonly option?: string;
  /** Of the Pushgateway: `http://host:9091`. A user and password in it are sent as basic authorization. */
  readonly url: string;
  /** The page, as it is at each push. */
  readonly page: () => string | Promise<string>;
  /** Labels of the group that is replaced at each push; those who push to one Pushgateway need different ones. */
  readonly grouping: Readonly<Record<string, string>>;
  /** Milliseconds between pushes. Default 10 000: Prometheus seldom asks more often. */
  readonly intervalMs?: number;
  /** Milliseconds that a push may take. Default 5000. */
  readonly timeoutMs?: number;
  /** Takes the group away at the end. Default: the last push stays, as a Pushgateway is for what has ended. */
  readonly removeAtEnd?: boolean;
  /** Told of a push that failed (`push-failed`), and then again when one works. Default: nobody is. */
  readonly onState?: (state: PushState) => void;
}

export interface Pusher {
  /** Pushes once more, or takes the group away, and ends. Never rejects: what fails is told as ever. */
  close(): Promise<void>;
}

/** A day: more is a mistake, and `setInterval` has a limit of its own not far above. */
const MOST_MS = 86_400_000;

/**
 * Pushes a page of metrics to a Pushgateway, at an interval and once more at the end. A push that fails is told, and the
 * next one is tried: its counters have all that was missed. The interval keeps no process alive.
 *
 * https://github.com/prometheus/pushgateway#api
 *
 * @throws `invalid-option`
 */
export function createPusher(options: PusherOptions): Pusher {
  const { where, url, page, grouping, intervalMs = 10_000, timeoutMs = 5000 } = options;
  const { removeAtEnd = false, onState = () => undefined } = options;
  checkPusher(options);
  const caller = createHttpCaller(`${url.replace(/\/+$/, "")}/metrics/${groupPath(where, grouping)}`);
  const gateway = caller.url.slice(0, caller.url.indexOf("/metrics/") + 1);
  let ok: boolean | undefined;
  let pushing: Promise<void> | undefined;

  async function send(method: "PUT" | "DELETE"): Promise<void> {
    try {
      const { status, said, text } = await caller.call({
        method,
        timeoutMs,
        ...(method === "PUT" ? { body: await page(), headers: { "content-type": METRICS_TYPE } } : {}),
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
  const timer = setInterval(() => void push(), intervalMs).unref();
  return {
    async close() {
      clearInterval(timer);
      await pushing;
      await send(removeAtEnd ? "DELETE" : "PUT");
      caller.close();
    },
  };
}

/** Who starts much else before it pushes looks at its options first. @throws `invalid-option` */
export function checkPusher({
  where,
  option = "url",
  url,
  intervalMs = 1,
  timeoutMs = 1,
}: Pick<PusherOptions, "where" | "option" | "url" | "intervalMs" | "timeoutMs">): void {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw invalidOption(where, option, url, "a URL like http://127.0.0.1:9091");
  for (const [name, value] of Object.entries({ intervalMs, timeoutMs }))
    if (!(value >= 1 && value <= MOST_MS))
      throw invalidOption(
        where,
        option.replace(/url$/, name),
        value,
        "milliseconds, at least 1 and at most a day",
      );
}

function notPushed(url: string, cause: unknown): StrainflowError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new StrainflowError("push-failed", `${url} takes no metrics (${why}); it is tried again`, {
    cause,
    details: { url },
  });
}

/** `job/NAME/label/value`; what cannot stand in a path as it is goes in as base64. */
function groupPath(where: string, grouping: Readonly<Record<string, string>>): string {
  return Object.entries(grouping)
    .map(([name, value]) => {
      if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name))
        throw invalidOption(where, "grouping", name, "labels of letters, digits and _");
      if (value === "") return `${name}@base64/=`;
      return value.includes("/")
        ? `${name}@base64/${Buffer.from(value).toString("base64url")}`
        : `${name}/${encodeURIComponent(value)}`;
    })
    .join("/");
}
